"""What the video models share: channels of the modalities, residual branches, the classification layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pipeline.errors import UserError

CHANNELS = {"rgb": 3, "rgbdiff": 3, "flow": 2}
"""Of a frame, by modality."""

Size = tuple[int, int, int]
"""Frames, height, width of a grid of patches, or steps along them."""


def known_modality(family: str, modality: str) -> None:
    """Raises UserError for a modality that a video model can't read."""
    if modality not in CHANNELS:
        raise UserError(f"{family}: modality must be one of {', '.join(CHANNELS)}, not {modality!r}")


def run_block(block: nn.Module, *inputs: Any, recompute: bool) -> Any:
    """`block(*inputs)`; with `recompute` a training step does not keep its activations but makes them again."""
    if recompute and block.training and torch.is_grad_enabled():
        return checkpoint(block, *inputs, use_reentrant=False)
    return block(*inputs)


class DropPath(nn.Module):
    """Drops the whole residual branch of a clip with probability `rate` in training (Huang et al., ECCV 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = torch.full((x.shape[0],) + (1,) * (x.dim() - 1), 1 - self.rate, device=x.device, dtype=x.dtype)
        return x * torch.bernoulli(keep) / (1 - self.rate)


class MLP(nn.Module):
    """Two linear layers with GELU between; [..., D] → [..., D]."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class Head(nn.Module):
    """Dropout and the classification layer; [B, D] → [B, classes]."""

    def __init__(self, dim: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(dim, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.projection(self.dropout(x))
