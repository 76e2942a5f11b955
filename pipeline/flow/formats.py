"""Other people's flow files: Middlebury .flo, DenseFlow's folders, mmcv's quantised pictures.

Fields are float32 [H, W, 2], x then y, in pixels per frame. Every reader raises ValueError with the path
for a file that is not of its format, OSError for one that cannot be read.
"""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from pipeline.files import write_bytes
from pipeline.flow.codec import dequantise, quantise

_FLO_TAG = np.float32(202021.25).tobytes()
_JPEG_QUALITY = 95
_DENSEFLOW_NAME = re.compile(r"flow_([xy])_(\d+)\.jpg")


def read_flo(path: Path) -> np.ndarray:
    """A Middlebury file (Baker et al., IJCV 2011): tag, width, height, then x, y of each pixel by rows."""
    data = path.read_bytes()
    size = np.frombuffer(data[4:12], "<i4")
    if data[:4] != _FLO_TAG or len(size) != 2:
        raise ValueError(f"{path}: not a .flo file")
    width, height = (int(side) for side in size)
    if width < 1 or height < 1 or len(data) != 12 + 8 * width * height:
        raise ValueError(f"{path}: {len(data)} bytes do not hold {width}x{height} vectors")
    return np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2).astype(np.float32)


def write_flo(path: Path, field: np.ndarray) -> None:
    """Writes one field as a Middlebury file."""
    height, width = field.shape[:2]
    write_bytes(path, _FLO_TAG + np.array([width, height], "<i4").tobytes() + field.astype("<f4").tobytes())


def read_denseflow(folder: Path, bound: float) -> np.ndarray:
    """The fields [T, H, W, 2] of a folder as DenseFlow writes it, run with `bound`: the files do not say."""
    return dequantise(read_denseflow_levels(folder), bound)


def read_denseflow_levels(folder: Path) -> np.ndarray:
    """The levels [T, H, W, 2] of a folder with flow_x_00000.jpg, flow_y_00000.jpg, … as DenseFlow writes it.

    Numbers may start anywhere and must have no gap.
    """
    numbers: dict[str, list[int]] = {"x": [], "y": []}
    paths: dict[tuple[str, int], Path] = {}
    for path in folder.iterdir():
        if match := _DENSEFLOW_NAME.fullmatch(path.name):
            axis, number = match[1], int(match[2])
            numbers[axis].append(number)
            paths[axis, number] = path
    found = sorted(numbers["x"])
    if not found or found != sorted(numbers["y"]) or found != list(range(found[0], found[0] + len(found))):
        raise ValueError(f"{folder}: needs flow_x_*.jpg and flow_y_*.jpg with the same numbers and no gap")
    pairs = [[_read_grey(paths[axis, number]) for axis in "xy"] for number in found]
    if len({levels.shape for pair in pairs for levels in pair}) > 1:
        raise ValueError(f"{folder}: pictures of different sizes")
    return np.stack([np.stack(pair, axis=-1) for pair in pairs])


def write_denseflow(folder: Path, flow: np.ndarray, bound: float) -> None:
    """Writes fields [T, H, W, 2] as DenseFlow: two grey JPEGs of quality 95 a field, numbers from 00000."""
    for number, levels in enumerate(quantise(field, bound) for field in flow):
        for axis, name in enumerate("xy"):
            _write_grey(folder / f"flow_{name}_{number:05d}.jpg", levels[..., axis])


def read_mmcv(path: Path, *, stack: int = 0, limit: float = 0.02, relative: bool = True) -> np.ndarray:
    """A field that mmcv wrote quantised: one grey picture, x above y (`stack` 0) or beside it (`stack` 1).

    mmcv calls the options concat_axis, max_val and denorm: 255 levels from −limit to +limit, in pixels or, if
    `relative`, in shares of the width and height. A level gives the middle of its step, so that 127 is zero.
    """
    levels = _read_grey(path)
    if levels.shape[stack] % 2:
        raise ValueError(f"{path}: {levels.shape[stack]} pixels do not halve into x and y")
    field = np.stack(np.split(levels, 2, axis=stack), axis=-1)
    values = (field + 0.5) * (2 * limit / 255) - limit
    return (values * _unit(field, relative)).astype(np.float32)


def write_mmcv(path: Path, field: np.ndarray, *, stack: int = 0, limit: float = 0.02, relative: bool = True) -> None:
    """Writes one field as mmcv does quantised; the ending (.jpg, .png) chooses the picture format."""
    steps = np.floor((field / _unit(field, relative) + limit) * (255 / (2 * limit)))
    levels = np.clip(steps, 0, 254).astype(np.uint8)
    _write_grey(path, np.concatenate([levels[..., 0], levels[..., 1]], axis=stack))


def _unit(field: np.ndarray, relative: bool) -> np.ndarray:
    height, width = field.shape[:2]
    return np.array([width, height] if relative else [1, 1], np.float64)


def _read_grey(path: Path) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 2 or picture.dtype != np.uint8:
        raise ValueError(f"{path}: not a grey 8-bit picture")
    return picture


def _write_grey(path: Path, picture: np.ndarray) -> None:
    done, data = cv2.imencode(path.suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise ValueError(f"{path}: cannot be written as {path.suffix}")
    write_bytes(path, data.tobytes())
