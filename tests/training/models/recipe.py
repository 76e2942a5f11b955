"""Weights and inputs that anyone can make again, for comparing two implementations of a model.

Every value comes from NumPy's PCG64, seeded by the SHA-256 of the parameter's name; the scale depends on what
the parameter is, so that deep networks neither vanish nor blow up.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor, nn


def normal(key: str, shape: Sequence[int]) -> np.ndarray:
    """Standard normal numbers that depend on the key alone, float64."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(size=tuple(shape))


def weight(key: str, shape: Sequence[int]) -> np.ndarray:
    """The value of the parameter or buffer `key`, float32."""
    z = normal(key, shape)
    parts = key.split(".")
    leaf, parent = parts[-1], parts[-2] if len(parts) > 1 else ""
    if leaf == "running_mean":
        z = 0.05 * z
    elif leaf == "running_var":
        z = 1 + 0.1 * np.abs(z)
    elif leaf.endswith("bias"):
        z = 0.02 * z
    elif leaf == "weight" and (len(shape) <= 1 or "norm" in parent.lower()):
        z = 1 + 0.1 * z
    elif leaf == "weight" or leaf.endswith("_weight"):
        z = z / math.sqrt(math.prod(shape[1:])) * (0.4 if parent == "conv3" and "convs" in parts else 1.0)
    elif leaf == "alpha":
        z = 0.1 + 0.02 * z
    elif parts[0] == "edge_importance":
        z = 1 + 0.1 * z
    else:
        z = 0.2 * z
    return z.astype(np.float32)


def fill(model: nn.Module, kept: Collection[str] = ()) -> None:
    """Sets every floating-point entry of the state dict by the recipe, but the `kept` ones."""
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.is_floating_point() and key not in kept:
                value.copy_(torch.from_numpy(weight(key, value.shape)))


def model_input(tag: str, shape: Sequence[int]) -> Tensor:
    return torch.from_numpy(normal(f"input/{tag}", shape).astype(np.float32))
