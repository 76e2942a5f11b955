"""What every model returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

Inputs = Mapping[str, Tensor]
"""One batch by modality, normalised floats: "rgb", "rgbdiff" and "flow" [B, C, T, H, W], "skeleton" [B, C, T, V, M]."""


class Output(NamedTuple):
    """The result of one forward pass.

    `logits`: one [B, classes] for each branch, before any activation; a single model has one branch, named
    after its modality. `features`: by branch name the [B, D] input of its classification layer, and under
    `<branch>.map` the last feature map ([B, D, T', H', W'] for video, [B, D, T', V, M] for skeletons).
    `distillation`: the scalar of eq. 4 where a model distils between branches, else None.
    """

    logits: dict[str, Tensor]
    features: dict[str, Tensor]
    distillation: Tensor | None = None
