"""Our TV-L1 against OpenCV's, in batches of any size, on the GPU as on the CPU, and when memory ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline import media
from pipeline.config import Config, FlowConfig
from pipeline.errors import Failure
from pipeline.extract import extract
from pipeline.flow import codec, tvl1
from pipeline.flow.solvers import levels, solver, tvl1_opencv
from pipeline.records import Clip, file_sha256

SHIFT = np.array([2.0, -1.0])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in the pipeline's workers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def moving(frames: int = 4, height: int = 64, width: int = 80) -> np.ndarray:
    """Grey windows over a texture that move against SHIFT, from the second frame on at twice that."""
    noise = np.random.default_rng(3).uniform(0, 255, (height + 60, width + 60)).astype(np.float32)
    whole = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.5), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    corners = [(30 - max(t, 2 * t - 1) * SHIFT).astype(int) for t in range(frames)]
    return np.stack([whole[y : y + height, x : x + width] for x, y in corners])


def fields(pictures: np.ndarray, batch: int, device: str = "cpu", preset: str = "opencv") -> np.ndarray:
    parts = tvl1.flow(torch.from_numpy(pictures).to(device), tvl1.PRESETS[preset], batch)
    return torch.cat(list(parts)).cpu().numpy()


def near(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Within 0.1 pixels on average, and 99 % of the levels at most one away."""
    apart = np.abs(codec.quantise(ours, 20).astype(int) - codec.quantise(theirs, 20))
    return bool(np.linalg.norm(ours - theirs, axis=-1).mean() <= 0.1 and (apart <= 1).mean() >= 0.99)


@pytest.mark.parametrize("clip", ["high-knees/guilleccc_1.mp4", "walk/davidpagnon_1.mp4"])
def test_real_people_move_as_opencv_says(real_videos: Path, clip: str) -> None:
    frames = itertools.islice(media.decode(real_videos / clip, short_side=128), 10, 14)
    pictures = np.stack([frame for _, frame in frames])
    theirs = solver(FlowConfig(backend="opencv"))(pictures)
    assert np.abs(theirs).max() > 2
    assert near(solver(FlowConfig(backend="tvl1"))(pictures), theirs)


def test_a_pairs_field_is_the_same_in_any_batch() -> None:
    pictures = moving()
    alone = fields(pictures, 1)
    for pair, field in enumerate(alone):
        assert near(field, tvl1_opencv()(pictures[pair], pictures[pair + 1]))
    for batch in (2, 8):
        assert np.abs(fields(pictures, batch) - alone).max() < 1e-3


def test_denseflows_parameters_find_the_motion() -> None:
    pictures = moving(frames=2)
    field = fields(pictures, 1, preset="denseflow")[0]
    assert np.linalg.norm(field[8:-8, 8:-8] - SHIFT, axis=-1).mean() < 0.3
    assert (field != fields(pictures, 1)[0]).any()


def test_a_repeated_frame_within_a_batch_does_not_move() -> None:
    first, second = moving(frames=2, height=32, width=32)
    found = fields(np.stack([first, second, second]), 2)
    assert found[0].any() and not found[1].any()


@pytest.mark.parametrize("largest", [1, 2, 3])
def test_out_of_memory_halves_the_batch_and_no_pair_is_lost(largest: int) -> None:
    asked: list[int] = []

    def solve(start: int, stop: int) -> torch.Tensor:
        asked.append(stop - start)
        if stop - start > largest:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.arange(start, stop)

    assert torch.cat(list(tvl1.in_batches(solve, 21, 8))).tolist() == list(range(21))
    assert sum(size > largest for size in asked) <= 3


def test_a_pair_that_never_fits_fails_its_clip_alone(
    small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(tvl1, "_pyramid", full)
    assert "CUDA out of memory" in extracted(small_video, tmp_path)


def test_a_field_that_is_not_finite_is_a_failure_and_no_payload(
    small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tvl1, "_solve_level", lambda first, second, u, _: u * torch.nan)
    assert "not finite" in extracted(small_video, tmp_path)
    assert not list(tmp_path.rglob("*.flow.mp4"))


def extracted(video: Path, work: Path) -> str:
    """Why a clip has no flow; its rgb is there."""
    clip = Clip("a", "a", 0, 3, str(video), file_sha256(video), 60, 64, 48, 20.0)
    results = extract(clip, ["flow"], work, Config(flow=FlowConfig(backend="tvl1")))
    assert isinstance(results["flow"], Failure)
    return results["flow"].detail


@given(arrays(np.float32, 50, elements=st.floats(-150, 150, width=32)), st.floats(0.5, 100))
def test_levels_on_the_device_are_the_codecs_to_the_bit(values: np.ndarray, bound: float) -> None:
    assert (tvl1.quantise(torch.from_numpy(values), bound).numpy() == codec.quantise(values, bound)).all()


def test_levels_are_those_of_the_fields() -> None:
    frames = np.repeat(moving(frames=3)[..., None], 3, axis=-1)
    for backend in ("tvl1", "dis"):
        config = FlowConfig(backend=backend, bound=10.0)
        expected = codec.quantise(solver(config)(frames), 10.0)
        assert (levels(config, frames, Path()) == expected).all()


@pytest.mark.gpu
@pytest.mark.parametrize("preset", ["opencv", "denseflow"])
@pytest.mark.parametrize("size", [(64, 80), (37, 51), (256, 340)])
def test_the_gpu_agrees_with_the_cpu(preset: str, size: tuple[int, int]) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    pictures = moving(6, *size)
    there, here = fields(pictures, 4, "cuda", preset), fields(pictures, 1, "cpu", preset)
    assert near(there, here)
    assert np.linalg.norm(there - here, axis=-1).mean() < 0.02
