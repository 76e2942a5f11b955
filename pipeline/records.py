"""The shapes that cross stages. All are frozen, plain data, and survive JSON and pickle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MODALITIES = ("rgb", "rgbdiff", "flow", "skeleton", "label")
"""The columns of the dataset, in the order in which tables and pages show them."""

EXTRACTED = ("rgb", "rgbdiff", "flow", "skeleton")
"""The modalities computed from a clip; the label comes from the annotations."""

PICTURES = ("rgb", "rgbdiff", "flow")
"""The modalities in which the people of the videos can be seen, as pictures or as outlines."""

EXTENSION = {"rgb": "mp4", "rgbdiff": "mp4", "flow": "mp4", "skeleton": "npz", "label": "json"}
"""File ending of a payload, on disk and inside a shard."""


@dataclass(frozen=True)
class Video:
    """A downloaded source video.

    Sizes are as displayed (rotation and pixel aspect applied), in pixels; `fps` is the mean frame rate;
    `duration` is in seconds; `path` is relative to the work folder; `sha256` is of the file.
    """

    id: str
    path: str
    sha256: str
    bytes: int
    width: int
    height: int
    fps: float
    duration: float


@dataclass(frozen=True)
class Clip:
    """One segment of a video, cut frame-exact: the frames with start <= time < end.

    `start` and `end` are seconds in the source; `frames` is the exact count in the file at `path`.
    """

    key: str
    source: str
    start: float
    end: float
    path: str
    sha256: str
    frames: int
    width: int
    height: int
    fps: float


@dataclass(frozen=True)
class Payload:
    """One modality of one clip, encoded, at `path` relative to the work folder.

    `frames` counts what the payload holds (flow: one field less than rgb); `width`, `height` and `fps` are
    those of the frames it was computed from. `detail` holds what a reader of the bytes must know (flow:
    bound and backend; skeleton: layout, backend and weights).
    """

    key: str
    modality: str
    path: str
    sha256: str
    bytes: int
    frames: int
    width: int
    height: int
    fps: float
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Attempt:
    """One line of the ledger: what was tried on one item in one stage, and how it ended.

    `work` is the digest that identifies the work (input, stage version, configuration). `reason` and
    `message` are empty when it is done; `record` (the stage's record as a dict) is None when it failed.
    `finished` is Unix time, `seconds` the time it took.
    """

    stage: str
    item: str
    work: str
    reason: str
    message: str
    record: dict[str, Any] | None
    finished: float
    seconds: float

    @property
    def done(self) -> bool:
        return self.record is not None


def clip_key(source: str, start: float, end: float) -> str:
    """The name of a clip everywhere: source id, start and end in milliseconds. Has no dot (WebDataset)."""
    return f"{source}-{round(start * 1000):07d}-{round(end * 1000):07d}"


def canonical_json(value: Any) -> str:
    """JSON with one spelling for equal values: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(*parts: Any) -> str:
    """SHA-256 in hex over the canonical JSON of the parts; the key of work."""
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def as_dict(record: Any) -> dict[str, Any]:
    """A record as plain data for the ledger."""
    return asdict(record)
