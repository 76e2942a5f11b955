"""The Triton kernels give what the torch reference gives: on the GPU, or else in Triton's interpreter on the CPU."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from pipeline.flow import tvl1

SIZES = [(9, 70), (17, 33)]


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton comes with torch for CUDA on Linux")
def test_kernels_equal_the_torch_reference() -> None:
    """In its own process: whether Triton interprets is settled when it is imported."""
    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    run = subprocess.run([sys.executable, __file__], env=os.environ | interpreted, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def compare(height: int, width: int, parameters: tvl1.Parameters) -> None:
    """Three pairs: one still, one that moves, one of noise; so they stop at different times."""
    from pipeline.flow import kernels

    device = "cuda" if torch.cuda.is_available() else "cpu"
    rng = np.random.default_rng(height)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (height + 4, width + 4)).astype(np.float32), (0, 0), 1.5)
    noise = rng.uniform(0, 255, (height, width)).astype(np.float32)
    still, moved = texture[2:-2, 2:-2], texture[1:-3, 3:-1]
    first = torch.from_numpy(np.stack([still, still, still]))[:, None].to(device)
    second = torch.from_numpy(np.stack([still, moved, noise]))[:, None].to(device)
    images = torch.cat([second, *tvl1._centred(second)], 1)
    start = torch.from_numpy(rng.normal(0, 2, (3, 2, height, width)).astype(np.float32)).to(device)
    start[0] = 0
    start[2, :, 0, 0] = torch.tensor([-1e9, 1e9])  # far outside

    expected, found = tvl1.linearise(images, first, start), kernels.linearise(images, first, start)
    for theirs, ours in zip(expected, found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-2 if ours.shape[1] == 1 else 1e-3)

    start = start.clamp(-3, 3)
    gradient, rho = (part.contiguous() for part in tvl1.linearise(images, first, start))
    results = []
    for iterate in (tvl1.iterate, kernels.iterate):
        u, dual = start.clone(), start.new_zeros(3, 2, 2, height, width)
        iterate(u, dual, gradient, rho, parameters)
        results.append((u, dual))
    for theirs, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert results[1][0][0].abs().max() < 1e-3
    assert results[1][0][1:].ne(start[1:]).any()


if __name__ == "__main__":
    for size in SIZES:
        compare(*size, replace(tvl1.OPENCV, inner=6, outer=2))
    compare(*SIZES[0], replace(tvl1.DENSEFLOW, inner=11, epsilon=0.2))
