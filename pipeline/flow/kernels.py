"""TV-L1's steps as Triton kernels for CUDA; same arguments, names and results as the torch ones of tvl1.py.

What it costs. `_step` does one update of a pixel in one pass: it reads u (2 floats), the dual (4), the gradient (2)
and rho (1), and writes u and the dual (6): 15 floats, 60 bytes, 4 fewer than with a stored inverse. The slopes need
the new u to the right and below, which other programs are writing; so each pixel works those out again from the old
values, which costs operations (3 × 25 for u, 32 for the dual and the error: about 107) and loads that the first
cache bears. Old and new values lie in two buffers, as neighbours still read the old. At 20 million updates a pair,
an H100's 3.35 TB/s of memory allow 2,800 pairs a second, its arithmetic (67 TFLOP/s, half of that if nothing fuses)
15,000. Only a batch that stays in the 50 MB of its L2 can pass the first: both buffers, the gradient and rho are 15
floats a pixel, 5.2 MB a pair at 340×256, 9 pairs; the coarser levels hold 14, 22, 34 and 54.

Pairs stop for themselves without the host: an update's sum of squares goes by atomic addition into a slot for its
pair and iteration, and the next iteration of that pair returns at once if the slot before its own is small. The
host looks every ROUND iterations whether any pair is left.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import triton
import triton.language as tl

if TYPE_CHECKING:
    from pipeline.flow.tvl1 import Parameters

ROWS, COLUMNS = 8, 64
"""The pixels of one program."""

ROUND = 10
"""Iterations launched between two looks at which pairs are left: a look costs about as much as a launch or two."""

RANKED = 64
"""The pixels of one program of the median: each ranks 25 values, by comparing each with all."""


def linearise(images: torch.Tensor, first: torch.Tensor, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """As tvl1.linearise: the gradient [B, 2, H, W] and rho [B, 1, H, W] of the second images warped by u."""
    gradient, rho = torch.empty_like(u), torch.empty_like(u[:, :1])
    height, width = u.shape[2:]
    _linearise[_grid(u)](images.contiguous(), first.contiguous(), u, gradient, rho, height, width, ROWS, COLUMNS)
    return gradient, rho


def iterate(u: torch.Tensor, dual: torch.Tensor, gradient: torch.Tensor, rho: torch.Tensor, p: Parameters) -> None:
    """As tvl1.iterate: updates u [B, 2, H, W] and theta × the dual [B, 2, 2, H, W], both contiguous, in place."""
    pairs, height, width = len(u), *u.shape[2:]
    most, stop = p.inner * p.outer, p.epsilon**2 * height * width
    errors = u.new_zeros(most + 1, pairs)
    errors[0] = torch.inf
    buffers, filtered = [(u, dual), (torch.empty_like(u), torch.empty_like(dual))], torch.empty_like(u)
    for iteration in range(most):
        if iteration and iteration % ROUND == 0 and not bool((errors[iteration] > stop).any()):
            break
        (old, old_dual), (new, new_dual) = buffers[iteration % 2], buffers[(iteration + 1) % 2]
        if p.median and iteration % p.inner == 0:
            grid = (triton.cdiv(height * width, RANKED), 2, pairs)
            _median5[grid](old, filtered, errors, iteration, stop, height, width, RANKED)
            old = filtered
        _step[_grid(u)](
            old, old_dual, gradient, rho, new, new_dual, errors, iteration, stop,
            p.lambda_ * p.theta, p.tau, p.tau / p.theta, height, width, ROWS, COLUMNS,
        )  # fmt: skip
    odd = (errors[:-1] > stop).sum(0) % 2 == 1  # a pair's last values are in the second buffer
    u.copy_(torch.where(odd.view(-1, 1, 1, 1), buffers[1][0], u))
    dual.copy_(torch.where(odd.view(-1, 1, 1, 1, 1), buffers[1][1], dual))


def _grid(u: torch.Tensor) -> tuple[int, int, int]:
    return triton.cdiv(u.shape[3], COLUMNS), triton.cdiv(u.shape[2], ROWS), len(u)


@triton.jit(do_not_specialize=["iteration"])
def _step(
    u, dual, gradient, rho, new, new_dual, errors, iteration, stop, limit, tau, tau_theta,
    height, width, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """One iteration of one pair: threshold, divergence and u, then the dual from the slopes of the new u."""
    pair, pairs = tl.program_id(2), tl.num_programs(2)
    if tl.load(errors + iteration * pairs + pair) <= stop:
        return
    plane = height * width
    u += pair.to(tl.int64) * 2 * plane
    gradient += pair.to(tl.int64) * 2 * plane
    dual += pair.to(tl.int64) * 4 * plane
    rho += pair.to(tl.int64) * plane
    x, y, inside = _tile(height, width, ROWS, COLUMNS)
    here = y * width + x
    a, b, change_a, change_b = _updated(u, dual, gradient, rho, y, x, limit, height, width)
    right_a, right_b, _, _ = _updated(u, dual, gradient, rho, y, x + 1, limit, height, width)
    below_a, below_b, _, _ = _updated(u, dual, gradient, rho, y + 1, x, limit, height, width)
    error = tl.sum(tl.where(inside, change_a * change_a + change_b * change_b, 0.0))
    tl.atomic_add(errors + (iteration + 1) * pairs + pair, error, sem="relaxed")

    new += pair.to(tl.int64) * 2 * plane + here
    tl.store(new, a, inside)
    tl.store(new + plane, b, inside)
    new_dual += pair.to(tl.int64) * 4 * plane + here
    _ascend(dual + here, new_dual, right_a - a, below_a - a, x, y, inside, tau, tau_theta, height, width)
    after = 2 * plane
    _ascend(
        dual + after + here, new_dual + after, right_b - b, below_b - b, x, y, inside, tau, tau_theta, height, width
    )


@triton.jit
def _updated(u, dual, gradient, rho, y, x, limit, height, width):
    """Both components of the new u at pixels (y, x), and what they changed by; anything outside the picture."""
    plane = height * width
    here, inside = y * width + x, (y < height) & (x < width)
    a, b = tl.load(u + here, inside, 0.0), tl.load(u + plane + here, inside, 0.0)
    gx, gy = tl.load(gradient + here, inside, 0.0), tl.load(gradient + plane + here, inside, 0.0)
    shift = tl.load(rho + here, inside, 0.0) + gx * a + gy * b
    shift /= tl.maximum(gx * gx + gy * gy, 1.1920929e-07)  # tvl1.TINY
    shift = tl.minimum(tl.maximum(shift, -limit), limit)
    change_a = _divergence(dual, here, x, y, inside, height, width) - shift * gx
    change_b = _divergence(dual + 2 * plane, here, x, y, inside, height, width) - shift * gy
    return a + change_a, b + change_b, change_a, change_b


@triton.jit
def _divergence(dual, here, x, y, inside, height, width):
    along, down = dual, dual + height * width
    total = tl.load(along + here, inside, 0.0) + tl.load(down + here, inside, 0.0)
    total -= tl.load(along + here - 1, inside & (x > 0), 0.0)
    return total - tl.load(down + here - width, inside & (y > 0), 0.0)


@triton.jit
def _ascend(dual, new_dual, along, down, x, y, inside, tau, tau_theta, height, width):
    """The dual of one component of u from its slopes, which are zero across the right and the lower border."""
    along = tl.where(x < width - 1, along, 0.0)
    down = tl.where(y < height - 1, down, 0.0)
    norm = 1 + tau_theta * tl.sqrt(along * along + down * down)
    plane = height * width
    tl.store(new_dual, (tl.load(dual, inside, 0.0) + tau * along) / norm, inside)
    tl.store(new_dual + plane, (tl.load(dual + plane, inside, 0.0) + tau * down) / norm, inside)


@triton.jit(do_not_specialize=["iteration"])
def _median5(u, filtered, errors, iteration, stop, height, width, RANKED: tl.constexpr):
    """The median of 5 × 5 pixels of one plane of u: the largest with at most 12 smaller ones. Borders are repeated."""
    pair, pairs = tl.program_id(2), tl.num_programs(2)
    if tl.load(errors + iteration * pairs + pair) <= stop:
        return
    plane = (pair.to(tl.int64) * 2 + tl.program_id(1)) * height * width
    here = tl.program_id(0) * RANKED + tl.arange(0, RANKED)
    tap = tl.arange(0, 32)[None, :]
    values = tl.load(u + plane + _around(here[:, None], tap, height, width))
    smaller = tl.zeros_like(values)
    for other in tl.static_range(25):
        smaller += tl.where(tl.load(u + plane + _around(here, other, height, width))[:, None] < values, 1.0, 0.0)
    middle = tl.max(tl.where((tap < 25) & (smaller <= 12), values, -float("inf")), 1)
    tl.store(filtered + plane + here, middle, here < height * width)


@triton.jit
def _around(here, tap, height, width):
    """Where the tap-th of the 5 × 5 pixels around `here` lies."""
    x = tl.minimum(tl.maximum(here % width + tap % 5 - 2, 0), width - 1)
    y = tl.minimum(tl.maximum(here // width + tap // 5 - 2, 0), height - 1)
    return y * width + x


@triton.jit
def _linearise(images, first, u, gradient, rho, height, width, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Cubic convolution (a = −0.75) of the image and its two slopes at x + u, zeros outside."""
    pair = tl.program_id(2).to(tl.int64)
    plane = height * width
    x, y, inside = _tile(height, width, ROWS, COLUMNS)
    here = y * width + x
    images += pair * 3 * plane
    a = tl.load(u + pair * 2 * plane + here, inside, 0.0)
    b = tl.load(u + (pair * 2 + 1) * plane + here, inside, 0.0)
    # Three pixels outside, every tap is zero; so what is further away may be there.
    to_x = tl.minimum(tl.maximum(x + a, -3.0), width + 3.0)
    to_y = tl.minimum(tl.maximum(y + b, -3.0), height + 3.0)
    left, top = tl.floor(to_x), tl.floor(to_y)
    value, gx, gy = tl.zeros_like(a), tl.zeros_like(a), tl.zeros_like(a)
    for row in tl.static_range(-1, 3):
        at_y = top.to(tl.int32) + row
        for column in tl.static_range(-1, 3):
            at_x = left.to(tl.int32) + column
            weight = _cubic(to_y - top - row) * _cubic(to_x - left - column)
            there, known = at_y * width + at_x, (at_y >= 0) & (at_y < height) & (at_x >= 0) & (at_x < width)
            value += weight * tl.load(images + there, known, 0.0)
            gx += weight * tl.load(images + plane + there, known, 0.0)
            gy += weight * tl.load(images + 2 * plane + there, known, 0.0)
    tl.store(gradient + pair * 2 * plane + here, gx, inside)
    tl.store(gradient + (pair * 2 + 1) * plane + here, gy, inside)
    before = tl.load(first + pair * plane + here, inside, 0.0)
    tl.store(rho + pair * plane + here, value - before - (gx * a + gy * b), inside)


@triton.jit
def _cubic(distance):
    d = tl.abs(distance)
    return tl.where(d <= 1, (1.25 * d - 2.25) * d * d + 1, ((-0.75 * d + 3.75) * d - 6) * d + 3)


@triton.jit
def _tile(height, width, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    x = (tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS))[None, :]
    y = (tl.program_id(1) * ROWS + tl.arange(0, ROWS))[:, None]
    return x, y, (x < width) & (y < height)
