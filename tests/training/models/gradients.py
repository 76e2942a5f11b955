"""Which parameters of a model learn."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def backward(model: nn.Module, loss: Tensor) -> None:
    """The gradients of one loss alone."""
    model.zero_grad()
    loss.backward(retain_graph=True)


def without_gradient(model: nn.Module) -> set[str]:
    """Names of the parameters that the last backward pass did not reach; it reached the others with finite numbers."""
    for name, weight in model.named_parameters():
        assert weight.grad is None or torch.isfinite(weight.grad).all(), name
    return {name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()}


def prefixes(names: set[str], depth: int = 1) -> set[str]:
    """The first parts of the names."""
    return {".".join(name.split(".")[:depth]) for name in names}
