"""What the official implementations compute, where those files are at hand: see their RECIPE.md."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recipe
import torch
from torch import nn

from training.models import Output

FOLDER = Path(__file__).parents[4] / "shared" / "parity"
TOLERANCE = 1e-4
"""Of the largest logit, or of one."""


@dataclass(frozen=True)
class Published:
    """One official model: its state dict's names, shapes and types, and what goes in and comes out."""

    name: str
    meta: dict[str, Any]
    keys: dict[str, tuple[tuple[int, ...], str]]

    def array(self, name: str) -> np.ndarray:
        array: np.ndarray = np.load(FOLDER / self.name / f"{name}.npy")
        return array


def published(name: str) -> Published:
    """The model `name`. Skips where the files are not at hand."""
    if not (FOLDER / name).is_dir():
        pytest.skip(f"no official outputs at {FOLDER / name}")
    meta, keys = (json.loads((FOLDER / name / f"{part}.json").read_text()) for part in ("meta", "keys"))
    return Published(name, meta, {key: (tuple(shape), dtype) for key, (shape, dtype) in keys.items()})


def assert_same_keys(model: nn.Module, official: Published) -> None:
    """Every official entry is ours, of that shape and type, and we have no other; buffers of its own agree."""
    own = {k: (tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in model.state_dict().items()}
    assert own == official.keys
    assert sum(weight.numel() for weight in model.parameters()) == official.meta["params"]
    for key, kept in official.meta["kept"].items():
        values = np.ascontiguousarray(model.state_dict()[key].numpy())
        assert hashlib.sha256(values.tobytes()).hexdigest() == kept["sha256"], key


@torch.no_grad()
def assert_same_function(model: nn.Module, official: Published, branch: str) -> None:
    """Recipe weights and input give the official logits and features. The model is changed."""
    recipe.fill(model, official.meta["kept"])
    output: Output = model.eval()(
        {branch: recipe.model_input(official.meta["input_tag"], official.meta["input_shape"])}
    )
    for name, ours in (("logits", output.logits[branch]), ("features", output.features[branch])):
        theirs = official.array(name).reshape(len(ours), -1)
        assert ours.shape == theirs.shape
        assert np.abs(ours.numpy() - theirs).max() <= TOLERANCE * max(1, np.abs(theirs).max()), name
