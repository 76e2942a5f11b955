"""The videos, clips and skeletons that the page shows, from a work folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VIDEO_ENDINGS = (".mp4", ".webm", ".mkv", ".mov", ".m4v")
KEY = re.compile(r"(.+)-(\d{7,})-(\d{7,})")
"""A clip's name: source, start and end in milliseconds."""


@dataclass(frozen=True)
class Media:
    """The files under the folder `work`, by name; nothing outside it can be named."""

    work: Path

    def videos(self) -> dict[str, Path]:
        """Source videos by id."""
        return {path.stem: path for path in _files(self.work / "videos") if path.suffix in VIDEO_ENDINGS}

    def clips(self, segments: list[tuple[str, str, str, str]]) -> dict[str, list[str]]:
        """Keys of the cut clips by activity."""
        activity = {
            (source, round(float(start) * 1000), round(float(end) * 1000)): name
            for source, start, end, name in segments
        }
        found: dict[str, list[str]] = {}
        for path in _files(self.work / "clips"):
            match = KEY.fullmatch(path.stem)
            name = match and activity.get((match[1], int(match[2]), int(match[3])))
            if name:
                found.setdefault(name, []).append(path.stem)
        return found

    def skeleton(self, key: str) -> dict[str, object] | None:
        """Layout and joints [T][V][x, y, score] in pixels of the clip, null for a frame without; None if not made."""
        path = {path.stem: path for path in _files(self.work / "payloads" / "skeleton")}.get(key)
        if path is None:
            return None
        with np.load(path, allow_pickle=False) as arrays:
            joints, shown = arrays["joints"].round(2), arrays["found"] | arrays["interpolated"]
            layout = str(arrays["layout"])
        return {
            "layout": layout,
            "joints": [frame.tolist() if seen else None for frame, seen in zip(joints, shown, strict=True)],
        }


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
