"""TV-L1 optical flow (Zach, Pock and Bischof, DAGM 2007; Sánchez, Meinhardt-Llopis and Facciolo, IPOL 2013), batched
over frame pairs in torch, on CUDA or the CPU, with the parameters of OpenCV's DualTVL1.

The median filter before each outer round and the stop when the mean squared update is at most epsilon² follow
OpenCV, so that its fields are reached within small fractions of a pixel.

What it costs. Nearly all time goes into the inner iterations. One update of one pixel reads u (2 floats), the dual
(4), the gradient (2), rho and the inverse squared gradient, and writes u and the dual: 16 floats, 64 bytes, if each
is moved once. Its operations are 51: threshold 7, divergence 6, u and its change 6, slopes 4, their norms 12, dual
12, squared change 4. At 340×256 the parameters allow 324 million updates a pair; the early stop leaves some 20 million
on real clips (tests/bench/flow.py counts them). So memory allows bandwidth / 1.3 GB pairs a second, 2,600 at the 3.35
TB/s of an H100, and its arithmetic over 30,000. To pass the first, the pairs in work must stay in the cache (16
floats a pixel: 5.6 MB a pair), or iterate several times for each load. The torch iterations below move about 105
floats an update, which a core's cache bears and a GPU's memory does not.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F

SMALLEST = 16
"""No level of the pyramid but the picture itself has a side of fewer pixels."""

TINY = float(np.finfo(np.float32).eps)
"""A squared gradient that small counts as none."""

BYTES, KERNEL_BYTES = 64, 60
"""What one update of one pixel moves at least, if nothing stays in a cache: see above, and kernels.py."""


@dataclass(frozen=True)
class Parameters:
    """As OpenCV names them; the defaults are its own."""

    tau: float = 0.25
    lambda_: float = 0.15
    theta: float = 0.3
    scales: int = 5
    warps: int = 5
    epsilon: float = 0.01
    inner: int = 30
    outer: int = 10
    scale_step: float = 0.8
    median: bool = True


OPENCV = Parameters()

DENSEFLOW = Parameters(inner=300, outer=1, median=False)
"""The defaults of OpenCV's CUDA version, which DenseFlow runs."""

Linearise = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
Iterate = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, Parameters], None]

PRESETS = {"opencv": OPENCV, "denseflow": DENSEFLOW}


def flow(
    pictures: torch.Tensor, parameters: Parameters = OPENCV, batch: int = 8, bound: float | None = None
) -> Iterator[torch.Tensor]:
    """Grey uint8 frames [T, H, W] on any device → T−1 fields in parts [B, H, W, 2], x then y: float32 in pixels per
    frame, or quantised to uint8 if a bound is given. A pair's field is the same in any batch, but for rounding.

    Up to `batch` pairs are worked on at a time, fewer from where they do not fit into memory. Raises ValueError for
    fewer than two frames, FloatingPointError for fields that are not finite, torch.OutOfMemoryError if a single pair
    does not fit.
    """
    if len(pictures) < 2:
        raise ValueError(f"flow needs two frames, got {len(pictures)}")

    def solve(start: int, stop: int) -> torch.Tensor:
        fields = _batch(pictures[start : stop + 1], parameters)
        return fields if bound is None else quantise(fields, bound)

    return in_batches(solve, len(pictures) - 1, batch)


def in_batches(solve: Callable[[int, int], torch.Tensor], pairs: int, batch: int) -> Iterator[torch.Tensor]:
    """solve(start, stop) over all pairs, `batch` at a time; when memory runs out, with half as many from there on."""
    start = 0
    while start < pairs:
        stop, found = min(start + batch, pairs), None
        try:
            found = solve(start, stop)
        except torch.OutOfMemoryError:
            if stop - start == 1:
                raise
        if found is None:  # here and not in the handler: the exception holds the tensors that did fit
            batch = (stop - start) // 2
            torch.cuda.empty_cache()
        else:
            yield found
            start = stop


def quantise(fields: torch.Tensor, bound: float) -> torch.Tensor:
    """As codec.quantise, to the bit, on the fields' device."""
    return ((fields.double() + bound) * (255 / (2 * bound))).round_().clamp_(0, 255).to(torch.uint8)


def _batch(pictures: torch.Tensor, parameters: Parameters) -> torch.Tensor:
    """The fields [B, H, W, 2] between B + 1 frames, from the coarsest level of the pyramid to the finest."""
    pyramid = _pyramid(pictures.float()[:, None], parameters)
    u = pyramid[-1].new_zeros(len(pictures) - 1, 2, *pyramid[-1].shape[2:])
    for level in reversed(pyramid):
        if u.shape[2:] != level.shape[2:]:
            size = level.shape[2:]
            steps = [old / new for old, new in zip(u.shape[2:], size, strict=True)]
            u = _resize(u, size, steps) / parameters.scale_step
        u = _solve_level(level[:-1], level[1:], u, parameters)
    fields = u.movedim(1, -1).contiguous()
    fields[(pictures[1:] == pictures[:-1]).flatten(1).all(1)] = 0
    if not torch.isfinite(fields).all():
        raise FloatingPointError("the flow is not finite")
    return fields


def _pyramid(pictures: torch.Tensor, parameters: Parameters) -> list[torch.Tensor]:
    levels = [pictures]
    while len(levels) < parameters.scales:
        size = [round(side * parameters.scale_step) for side in levels[-1].shape[2:]]
        if min(size) < SMALLEST:
            break
        levels.append(_resize(levels[-1], size, [1 / parameters.scale_step] * 2))
    return levels


def _solve_level(first: torch.Tensor, second: torch.Tensor, u: torch.Tensor, parameters: Parameters) -> torch.Tensor:
    dual = u.new_zeros(*u.shape[:2], 2, *u.shape[2:])
    images = torch.cat([second, *_centred(second)], 1)
    linearise_, iterate_ = _steps(u.device)
    for _ in range(parameters.warps):
        gradient, rho = linearise_(images, first, u)
        iterate_(u, dual, gradient, rho, parameters)
    return u


def _steps(device: torch.device) -> tuple[Linearise, Iterate]:
    """The Triton kernels on CUDA; below in torch, their reference, elsewhere and where Triton cannot work.

    Triton comes with torch for CUDA on Linux, and builds its launchers with the machine's C compiler.
    """
    compiler = any(map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang")))
    if device.type == "cuda" and compiler and importlib.util.find_spec("triton"):
        from pipeline.flow import kernels

        return kernels.linearise, kernels.iterate
    return linearise, iterate


def update_bytes(device: torch.device) -> int:
    """What one update of one pixel moves at least on a device."""
    return BYTES if _steps(device) == (linearise, iterate) else KERNEL_BYTES


def linearise(images: torch.Tensor, first: torch.Tensor, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient [B, 2, H, W] of the second pictures at x + u, and rho [B, 1, H, W]: what remains between the
    pictures, less gradient · u. `images` [B, 3, H, W] are the second pictures and their slopes."""
    warped = _warp(images, u)
    gradient = warped[:, 1:]
    return gradient, warped[:, :1] - first - (gradient * u).sum(1, keepdim=True)


def iterate(u: torch.Tensor, dual: torch.Tensor, gradient: torch.Tensor, rho: torch.Tensor, p: Parameters) -> None:
    """Updates u [B, 2, H, W] and theta × the dual [B, 2, 2, H, W] in place; a pair that is done leaves the batch."""
    inverse = 1 / gradient.square().sum(1, keepdim=True).clamp_min(TINY)
    stop = p.epsilon**2 * u[0, 0].numel()
    alive = torch.arange(len(u), device=u.device)
    now = [u.clone(), dual.clone(), gradient, rho, inverse]
    # Made once: an allocator that gives memory back at once, as in Dask's workers, takes longer than the arithmetic.
    scratch = [torch.empty_like(rho), torch.empty_like(u), torch.zeros_like(dual), torch.empty_like(dual[:, :, :1])]
    for iteration in range(p.inner * p.outer):
        if p.median and iteration % p.inner == 0:
            now[0] = median5(now[0])
        going = _step(now, [part[: len(alive)] for part in scratch], p) > stop
        if not going.all():
            u[alive[~going]], dual[alive[~going]] = now[0][~going], now[1][~going]
            alive, now = alive[going], [part[going] for part in now]
            if not len(alive):
                return
    u[alive], dual[alive] = now[0], now[1]


def _step(now: Sequence[torch.Tensor], scratch: Sequence[torch.Tensor], p: Parameters) -> torch.Tensor:
    """One iteration in place; the squared update of each pair. The slopes in `scratch` begin as zeros."""
    u, dual, gradient, rho, inverse = now
    shift, change, slope, norm = scratch
    limit = p.lambda_ * p.theta
    torch.addcmul(rho, gradient[:, :1], u[:, :1], out=shift).addcmul_(gradient[:, 1:], u[:, 1:])
    shift.mul_(inverse).clamp_(-limit, limit)
    torch.add(dual[:, :, 0], dual[:, :, 1], out=change)
    change[..., 1:].sub_(dual[:, :, 0, :, :-1])
    change[..., 1:, :].sub_(dual[:, :, 1, :-1])
    change.addcmul_(shift, gradient, value=-1)
    u.add_(change)
    torch.sub(u[..., 1:], u[..., :-1], out=slope[:, :, 0, :, :-1])
    torch.sub(u[..., 1:, :], u[..., :-1, :], out=slope[:, :, 1, :-1])
    torch.hypot(slope[:, :, :1], slope[:, :, 1:], out=norm).mul_(p.tau / p.theta).add_(1)
    dual.add_(slope, alpha=p.tau).div_(norm)
    return change.square_().flatten(1).sum(1)


def median5(u: torch.Tensor) -> torch.Tensor:
    """The median of 5 × 5 pixels of each plane [B, C, H, W]; border pixels are repeated outwards."""
    if u.device.type == "cpu":
        planes = [torch.from_numpy(cv2.medianBlur(plane.numpy(), 5)) for plane in u.flatten(0, 1).contiguous()]
        return torch.stack(planes).view_as(u)
    padded = F.pad(u, (2, 2, 2, 2), mode="replicate")
    height, width = u.shape[2:]
    return (
        torch.stack([padded[..., y : y + height, x : x + width] for y in range(5) for x in range(5)]).median(0).values
    )


def _warp(images: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """Images [B, C, H, W] read at x + u by cubic convolution with zeros outside."""
    sides = u.shape[:1:-1]
    axes = [torch.arange(side, device=u.device, dtype=u.dtype) for side in sides]
    x, y = axes[0] + u[:, 0], axes[1][:, None] + u[:, 1]
    grid = torch.stack([(at + 0.5) * (2 / side) - 1 for at, side in zip((x, y), sides, strict=True)], -1)
    return F.grid_sample(images, grid, mode="bicubic", padding_mode="zeros", align_corners=False)


def _centred(image: torch.Tensor) -> list[torch.Tensor]:
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    return [(padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2, (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2]


def _resize(planes: torch.Tensor, size: Sequence[int], steps: Sequence[float]) -> torch.Tensor:
    """Bilinear, pixel centres at halves, borders repeated; `steps` are old pixels for one new, down then right."""
    for axis, (side, step) in enumerate(zip(size, steps, strict=True), start=2):
        last = planes.shape[axis] - 1
        at = ((torch.arange(side, device=planes.device) + 0.5) * step - 0.5).clamp(0, last)
        low = at.floor().long()
        share = (at - low).view([-1 if i == axis else 1 for i in range(4)])
        high = planes.index_select(axis, (low + 1).clamp_max(last))
        planes = torch.lerp(planes.index_select(axis, low), high, share)
    return planes
