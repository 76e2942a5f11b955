"""Published weights brought to the shape of ours: kernels over time, position tables of another grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor
from torch.nn import functional

from training.models.pretrained import Fitted


def inflated(key: str, value: Tensor, own: Mapping[str, Tensor]) -> Fitted:
    """`value` for the entry `key` of `own`; a kernel of an image is inflated over time.

    Each frame gets an equal share of it, so that a still picture gives what the image model gives (Carreira
    and Zisserman, CVPR 2017). Where ours reads more channels, the others keep their start.
    """
    target = own.get(key)
    flat = value.ndim == 4 or (value.ndim == 5 and value.shape[2] == 1)
    if target is None or target.ndim != 5 or not flat or value.shape == target.shape:
        return Fitted(key, value)
    kernel = value.unsqueeze(2) if value.ndim == 4 else value  # [D, C, 1, H, W]
    frames, channels = target.shape[2], kernel.shape[1]
    kernel = kernel.expand(-1, -1, frames, -1, -1) / frames
    how = f"inflated over {frames} frame{'s' if frames > 1 else ''}"
    wider = channels < target.shape[1] and kernel.shape[0] == target.shape[0] and kernel.shape[3:] == target.shape[3:]
    if wider and channels > 3:
        joined = target.detach().clone()
        joined[:, :channels] = kernel
        return Fitted(key, joined, f"{how}, the first {channels} of {target.shape[1]} input channels")
    return Fitted(key, kernel, how)


def resampled(table: Tensor, source: Sequence[int], target: Sequence[int]) -> Tensor:
    """A position table [N, D] of one grid, read out linearly at the places of another: [N', D]."""
    if tuple(source) == tuple(target):
        return table
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(source)]
    grid = table.T.unflatten(1, tuple(source))[None]  # [1, D, *source]
    return functional.interpolate(grid, size=tuple(target), mode=mode)[0].flatten(1).T
