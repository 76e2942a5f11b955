"""Somebody's own folder of videos as sources and segments: a sub-folder's name is the activity of its videos."""

from __future__ import annotations

import re
from pathlib import Path

from annotations.tables import SEGMENT_COLUMNS, Activity, closest
from pipeline import media
from pipeline.detect import windows
from pipeline.errors import Failure, UserError
from pipeline.files import write_table

VIDEO_ENDINGS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg"})

WINDOW_S = 10.0
"""Longer videos are cut into windows of this many seconds."""


def find_videos(folder: Path, activities: dict[str, Activity]) -> dict[str, Path]:
    """id → video, for every video in a sub-folder of `folder` named after an activity.

    Raises UserError for a missing or empty folder, and for a sub-folder whose name is no activity.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of videos")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_ENDINGS)
    if not paths:
        raise UserError(f"{folder}: no videos here ({', '.join(sorted(VIDEO_ENDINGS))})")
    found: dict[str, Path] = {}
    for path in paths:
        activity = path.parent.name
        if path.parent == folder or activity not in activities:
            near = closest(activity, activities)
            raise UserError(
                f"{path}: videos lie in folders named after activities, and {activity!r} is none of "
                f"annotations/activities.csv{f'; did you mean {near}?' if near else ''}"
            )
        name = re.sub(r"[^A-Za-z0-9]+", "-", f"{activity}-{path.stem}").strip("-")[:60]
        if name in found:
            raise UserError(f"{path}: the same name as {found[name]} once reduced to {name}; rename one of them")
        found[name] = path
    return found


def write_segments(videos: dict[str, Path], path: Path) -> None:
    """Writes segments.csv: each video whole, or in windows if it is long."""
    rows = []
    for name, video in videos.items():
        info = media.probe(video)
        # A file that is no video still gets a segment, so that it is counted and its reason recorded.
        seconds = 1.0 if isinstance(info, Failure) else max(info.duration, 0.1)
        for start, end in windows(0.0, seconds, WINDOW_S):
            rows.append((name, f"{start:.3f}", f"{end:.3f}", video.parent.name))
    write_table(path, SEGMENT_COLUMNS, rows)
