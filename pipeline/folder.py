"""Somebody's own folder of videos as sources and segments: a sub-folder's name is the activity of its videos.

The name may also be a class of another dataset, such as UCF101 (annotations/classes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from annotations.classes import origin_of, read_classes
from annotations.tables import SEGMENT_COLUMNS, Activity, TableError, closest
from pipeline import media
from pipeline.detect import windows
from pipeline.errors import Failure, UserError
from pipeline.files import write_table

VIDEO_ENDINGS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg"})

WINDOW_S = 10.0
"""Longer videos are cut into windows of this many seconds."""


@dataclass(frozen=True)
class OwnVideo:
    """A video file, its activity, and the longer video that it was cut out of ("" if unknown)."""

    path: Path
    activity: str
    origin: str


def find_videos(folder: Path, activities: dict[str, Activity], dataset: str = "") -> dict[str, OwnVideo]:
    """id → video, for every video in a sub-folder of `folder` named after an activity or a class of `dataset`.

    Videos of a class that is none of our activities are left out. Raises UserError for a missing or empty folder,
    and for a sub-folder whose name is neither.
    """
    try:
        known = read_classes(dataset) if dataset else {name: name for name in activities}
    except TableError as error:
        raise UserError(str(error)) from None
    where = f"annotations/classes/{dataset}.csv" if dataset else "annotations/activities.csv"
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of videos")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_ENDINGS)
    if not paths:
        raise UserError(f"{folder}: no videos here ({', '.join(sorted(VIDEO_ENDINGS))})")
    found: dict[str, OwnVideo] = {}
    for path in paths:
        label = path.parent.name
        if path.parent == folder or label not in known:
            near = closest(label, known)
            raise UserError(
                f"{path}: videos lie in folders named after {'classes' if dataset else 'activities'}, and {label!r} "
                f"is none of {where}{f'; did you mean {near}?' if near else ''}"
            )
        activity = known[label]
        if not activity:
            continue
        name = re.sub(r"[^A-Za-z0-9]+", "-", f"{activity}-{path.stem}").strip("-")[:60]
        if name in found:
            raise UserError(f"{path}: the same name as {found[name].path} once reduced to {name}; rename one of them")
        found[name] = OwnVideo(path, activity, origin_of(dataset, label, path.stem))
    if not found:
        raise UserError(f"{folder}: none of its classes is one of our activities; {where} lists which are")
    return found


def write_segments(videos: dict[str, OwnVideo], path: Path) -> None:
    """Writes segments.csv: each video whole, or in windows if it is long."""
    rows = []
    for name, video in videos.items():
        info = media.probe(video.path)
        # A file that is no video still gets a segment, so that it is counted and its reason recorded.
        seconds = 1.0 if isinstance(info, Failure) else max(info.duration, 0.1)
        for start, end in windows(0.0, seconds, WINDOW_S):
            rows.append((name, f"{start:.3f}", f"{end:.3f}", video.activity))
    write_table(path, SEGMENT_COLUMNS, rows)
