"""Quantisation against DenseFlow's formula in exact arithmetic; the payload bit by bit, also by ffmpeg."""

from __future__ import annotations

import math
import subprocess
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.flow.codec import decode, dequantise, encode, quantise

BOUNDS = st.floats(0.5, 100, width=32)
FLOWS = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 20), st.sampled_from([2, 6, 20, 34]), st.just(2)),
    elements=st.floats(-30, 30, width=32),
)


@given(arrays(np.float32, 20, elements=st.floats(-200, 200, width=32)), BOUNDS)
def test_levels_are_denseflows(values: np.ndarray, bound: float) -> None:
    levels = quantise(values, bound)
    exact = [255 * (Fraction(float(v)) + Fraction(bound)) / (2 * Fraction(bound)) for v in values]
    for level, place in zip(levels.tolist(), exact, strict=True):
        nearest = min(max(place, Fraction(0)), Fraction(255))
        assert abs(level - nearest) <= Fraction(1, 2) + Fraction(1, 10**9)


@given(arrays(np.float32, 20, elements=st.floats(-30, 30, width=32)), BOUNDS)
def test_error_is_at_most_half_a_step_inside_the_bound_and_clipped_outside(values: np.ndarray, bound: float) -> None:
    back = dequantise(quantise(values, bound), bound)
    assert back.dtype == np.float32
    assert np.abs(back - np.clip(values, -bound, bound)).max() <= bound / 255 * 1.0001 + 1e-6


def test_ends_and_infinities() -> None:
    values = np.array([-math.inf, -20.1, -20, 20, 20.1, math.inf], np.float32)
    assert quantise(values, 20).tolist() == [0, 0, 0, 255, 255, 255]
    assert dequantise(np.array([0, 255], np.uint8), 20).tolist() == [-20, 20]


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        quantise(np.array([0, math.nan], np.float32), 20)


@settings(max_examples=12, deadline=None)
@given(FLOWS)
def test_payload_loses_nothing_beyond_quantisation(flow: np.ndarray) -> None:
    levels = np.stack([quantise(field, 20) for field in flow])
    assert (decode(encode(levels, 30), 20) == dequantise(levels, 20)).all()


@pytest.fixture(scope="module")
def flow() -> np.ndarray:
    """Forty fields of 24x36; smooth, with an edge, x and y different."""
    t, y, x = np.meshgrid(np.arange(40), np.arange(24), np.arange(36), indexing="ij")
    return np.stack([np.sin(x / 5 + t) * 8 + (y > 12) * 5, y / 2 - t / 8], axis=-1).astype(np.float32)


def test_fields_by_number_in_any_order(flow: np.ndarray) -> None:
    data = encode(quantise(flow, 20), 30)
    fields = decode(data, 20)
    assert fields.shape == flow.shape
    wanted = [39, 0, 7, 7, 21]
    assert (decode(data, 20, wanted) == fields[wanted]).all()
    for missing in (40, -1):
        with pytest.raises(IndexError):
            decode(data, 20, [0, missing])


def test_equal_fields_give_equal_bytes(flow: np.ndarray) -> None:
    levels = quantise(flow, 20)
    assert encode(levels, 29.97) == encode(levels.copy(), 29.97)
    assert encode(levels, 29.97) != encode(255 - levels, 29.97)


def test_another_reader_finds_x_above_y(flow: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "flow.mp4"
    path.write_bytes(encode(quantise(flow, 20), 30))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-pix_fmt", "yuvj420p"]
    raw = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    pictures = np.frombuffer(raw, np.uint8).reshape(40, 72, 36)[:, :48]
    assert (pictures[:, :24] == quantise(flow[..., 0], 20)).all()
    assert (pictures[:, 24:] == quantise(flow[..., 1], 20)).all()


@pytest.mark.parametrize("shape", [(0, 8, 8, 2), (3, 8, 7, 2), (3, 8, 8), (3, 8, 8, 3)])
def test_what_the_container_cannot_hold_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="flow must be"):
        encode(np.zeros(shape, np.uint8), 30)


def test_bytes_that_are_no_payload_are_refused(flow: np.ndarray) -> None:
    data = encode(quantise(flow, 20), 30)
    for bad in (b"", b"not a video", data[: len(data) // 2]):
        with pytest.raises(ValueError):
            decode(bad, 20)
