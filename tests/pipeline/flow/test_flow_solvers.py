"""Solvers on motion that is known: a shifted texture, a still clip, tiny and degenerate pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from pipeline.config import FlowConfig
from pipeline.flow.solvers import grey, solver

BACKENDS = ("tvl1", "opencv", "dis", "farneback")
SHIFT = np.array([3.0, -2.0])


def texture(height: int = 72, width: int = 96) -> np.ndarray:
    noise = np.random.default_rng(7).uniform(0, 255, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def shifted(frames: int = 3) -> np.ndarray:
    """A window that moves over a texture against SHIFT, so that what it shows moves by SHIFT a frame."""
    whole = texture(120, 140)
    corners = [(20 - t * SHIFT).astype(int) for t in range(frames)]
    return np.stack([whole[y : y + 72, x : x + 96] for x, y in corners])


@pytest.mark.parametrize("backend", BACKENDS)
def test_finds_a_known_shift_with_its_sign_and_axis(backend: str) -> None:
    flow = solver(FlowConfig(backend=backend))(shifted())
    assert flow.shape == (2, 72, 96, 2) and flow.dtype == np.float32
    error = np.linalg.norm(flow - SHIFT, axis=-1)[:, 8:-8, 8:-8]
    assert error.mean() < 0.1


@pytest.mark.parametrize("backend", BACKENDS)
def test_identical_frames_do_not_move(backend: str) -> None:
    still = np.repeat(texture()[None], 3, axis=0)
    assert not solver(FlowConfig(backend=backend))(still).any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [(2, 2), (6, 10), (16, 14), (33, 47), (2, 60)])
def test_every_size_and_every_picture_gives_finite_flow(backend: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (2, *size, 3), dtype=np.uint8)
    black_then_white = np.stack([np.zeros((*size, 3), np.uint8), np.full((*size, 3), 255, np.uint8)])
    for frames in (noise, black_then_white):
        flow = solver(FlowConfig(backend=backend))(frames)
        assert flow.shape == (1, *size, 2)
        assert np.isfinite(flow).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_frame_has_no_flow(backend: str) -> None:
    with pytest.raises(ValueError, match="two frames"):
        solver(FlowConfig(backend=backend))(texture()[None])


@pytest.mark.parametrize("backend", ["dis", "tvl1"])
def test_flow_does_not_depend_on_the_number_of_threads_and_leaves_it(backend: str) -> None:
    frames = shifted()
    before = cv2.getNumThreads(), torch.get_num_threads()
    try:
        fields = []
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            torch.set_num_threads(threads)
            fields.append(solver(FlowConfig(backend=backend))(frames))
            assert cv2.getNumThreads() == torch.get_num_threads() == threads
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
    assert (fields[0] == fields[1]).all()


def test_grey_is_bt601_luma() -> None:
    colours = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]]], np.uint8)
    assert grey(colours).tolist() == [[[76, 150, 29, 255]]]
