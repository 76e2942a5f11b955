"""The flow payload: quantised fields as a lossless grey H.264 video, x above y, each field a key frame.

A value v in pixels per frame becomes the level round(255 (v + bound) / (2 bound)), clipped to 0…255, as
DenseFlow writes it. No level stands for zero: a still pixel comes back as bound / 255 (0.08 pixels with a
bound of 20).

The container was chosen by measurement on real clips (tests/bench/RESULTS.md, "Flow containers"). The
lossless video takes 9 to 10 kB a field: half of PNG, and 7 to 29 % more than DenseFlow's JPEGs of
quality 95, whose values are off by up to 1.5 pixels. A lossy video gets smaller than the lossless one only
when its values are off by one to four pixels at moving edges. Prediction from earlier fields saves 0.6 %, so
every field is a key frame, and a loader decodes only those it asks for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline import media

LOSSLESS = 0
KEY_FRAMES_ONLY = 1


def quantise(flow: np.ndarray, bound: float) -> np.ndarray:
    """Pixels per frame → uint8 levels of the same shape. Raises ValueError for NaN."""
    if np.isnan(flow).any():
        raise ValueError("the flow holds NaN")
    return np.clip(np.rint((flow.astype(np.float64) + bound) * (255 / (2 * bound))), 0, 255).astype(np.uint8)


def dequantise(levels: np.ndarray, bound: float) -> np.ndarray:
    """uint8 levels → float32 pixels per frame of the same shape, within bound / 255 of what was quantised."""
    values = np.arange(256) * (2 * bound / 255) - bound
    return values.astype(np.float32)[levels]


def encode(levels: np.ndarray, fps: float | Fraction) -> bytes:
    """Quantised fields, uint8 [T, H, W, 2] → the bytes of an mp4; equal levels give equal bytes.

    Raises ValueError if there is no field or the width is odd (4:2:0 decoders cannot show it),
    media.EncodeError with ffmpeg's words, OSError if the disk is full.
    """
    if levels.ndim != 4 or levels.shape[-1] != 2 or 0 in levels.shape or levels.shape[2] % 2:
        raise ValueError(f"flow must be [T, H, even W, 2] with at least one field, not {list(levels.shape)}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flow.mp4"
        pictures = (np.concatenate([field[..., 0], field[..., 1]]) for field in levels)
        media.encode(pictures, path, fps, crf=LOSSLESS, gop=KEY_FRAMES_ONLY, grey=True)
        return path.read_bytes()


def decode(data: bytes, bound: float, frames: Sequence[int] | None = None) -> np.ndarray:
    """What `encode` wrote → float32 [T, H, W, 2] in pixels per frame.

    All fields, or those numbered in `frames`, in any order. Raises IndexError for a field that is not there,
    ValueError (av.error.InvalidDataError) for bytes that are no payload.
    """
    pictures = media.decode_grey(data, frames)
    return dequantise(np.stack(np.split(pictures, 2, axis=1), axis=-1), bound)
