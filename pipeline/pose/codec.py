"""The skeleton payload: one .npz file of plain arrays that `numpy.load` reads without pickle.

Members are stored uncompressed under fixed dates, so that equal skeletons give equal bytes with every zlib.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, fields

import numpy as np

from pipeline.pose.layouts import LAYOUTS

_FIXED_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class Skeleton:
    """The exerciser in each of T frames. Coordinates are pixels of the clip from its top left corner.

    A frame is of one of three kinds: seen (`found`), filled between two seen ones (`interpolated`), or
    neither; then its joints and box are zero. Raises ValueError if the arrays do not fit each other or the
    layout.
    """

    joints: np.ndarray
    """[T, V, 3] float32: x, y, and a score from 0 to 1."""
    boxes: np.ndarray
    """[T, 4] float32: x0, y0, x1, y1."""
    found: np.ndarray
    """[T] bool: the person was seen in this frame."""
    interpolated: np.ndarray
    """[T] bool: the joints come from the frames around a short gap."""
    layout: str
    """Name of the joint layout (`pipeline.pose.layouts`)."""
    backend: str
    """Name of the pose estimator."""
    weights: str
    """SHA-256 of its model file."""
    people: int
    """How many people were followed through the clip, this one included."""
    track: int = 0
    """Which of them, in order of appearance."""
    others: np.ndarray | None = None
    """[P, T, V, 3] float32: the joints of the other people, as they were found; None where they were not kept."""
    doubts: str = ""
    """Why the choice of this person may be wrong; empty if nothing speaks against it."""

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ValueError(f"unknown layout {self.layout!r}; known: {', '.join(LAYOUTS)}")
        frames, joints = len(self.joints), len(LAYOUTS[self.layout].joints)
        _check("joints", self.joints, (frames, joints, 3), np.float32)
        _check("boxes", self.boxes, (frames, 4), np.float32)
        _check("found", self.found, (frames,), np.bool_)
        _check("interpolated", self.interpolated, (frames,), np.bool_)
        if self.others is not None:
            _check("others", self.others, (len(self.others), frames, joints, 3), np.float32)
        if (self.found & self.interpolated).any():
            raise ValueError("a frame is both found and interpolated")


def _check(name: str, array: np.ndarray, shape: tuple[int, ...], dtype: type) -> None:
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, not {np.dtype(dtype)} {shape}")


def encode(skeleton: Skeleton) -> bytes:
    """The .npz file: one member for each field of `Skeleton`, strings and the count as 0-d arrays."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for field in fields(Skeleton):
            if getattr(skeleton, field.name) is None:
                continue
            member = io.BytesIO()
            np.save(member, np.asarray(getattr(skeleton, field.name)), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{field.name}.npy", _FIXED_DATE), member.getvalue())
    return buffer.getvalue()


def decode(data: bytes) -> Skeleton:
    """Reads what `encode` wrote. Raises ValueError if the bytes are not a skeleton payload."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            values = {f.name: arrays[f.name] for f in fields(Skeleton) if f.name != "others" or f.name in arrays}
    except (OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"not a skeleton payload: {error}") from error
    return Skeleton(**{name: value.item() if value.ndim == 0 else value for name, value in values.items()})
