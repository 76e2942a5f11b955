"""What the page reads and saves: files of annotators, decisions and segments, each guarded by its revision.

A revision is the digest of a file's bytes. Who saves says which revision they saw; if another tab or program has
saved since, nothing is written and `Conflict` is raised.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from annotations.labels import (
    Annotator,
    Judgement,
    annotator_path,
    read_annotator,
    read_decisions,
    write_annotator,
    write_rows,
)
from annotations.rules import TableError
from annotations.tables import SEGMENT_COLUMNS

DECISIONS = "decisions"


class Conflict(Exception):
    """The file has changed since the page read it; nothing was written."""


@dataclass(frozen=True)
class Store:
    """The tables at `folder` (labels) and `own` (segments.csv), with the words that their cells may have."""

    folder: Path
    own: Path
    activities: tuple[str, ...]
    muscles: tuple[str, ...]

    def labels_path(self, name: str) -> Path:
        """The file of an annotator, or of the decisions; raises TableError for a name that cannot be one."""
        labels = self.folder / "labels"
        return labels / f"{DECISIONS}.csv" if name == DECISIONS else annotator_path(labels, name)

    @property
    def segments_path(self) -> Path:
        return self.own / "segments.csv"

    def read(self, name: str) -> tuple[Annotator, str]:
        """What an annotator has said so far, and the revision; nothing yet where there is no file."""
        path = self.labels_path(name)
        with _alone(path.parent):
            return self._read(path), revision(path)

    def save(
        self, name: str, seen: str, activity: str, cells: Mapping[str, Judgement | None], comment: str | None
    ) -> str:
        """Write cells of one activity (None forgets one) and its comment (None leaves it); returns the new revision.

        Raises Conflict, and TableError for what the format does not allow.
        """
        path = self.labels_path(name)
        if activity not in self.activities:
            raise TableError(f"{path}: no activity {activity!r}; reload the page")
        for muscle, judgement in cells.items():
            if muscle not in self.muscles or (judgement is not None and judgement.value not in (0, 1)):
                raise TableError(f"{path}: no judgement {muscle!r} = {judgement}; reload the page")
            if name == DECISIONS and judgement is not None and not judgement.reason:
                raise TableError("a decision needs a reason; write why")
        with _alone(path.parent):
            if revision(path) != seen:
                raise Conflict(path.name)
            found = self._read(path)
            judgements = dict(found.judgements)
            for muscle, judgement in cells.items():
                judgements.pop((activity, muscle), None)
                if judgement is not None:
                    judgements[activity, muscle] = judgement
            comments = dict(found.comments)
            if comment is not None:
                comments.pop(activity, None)
                if comment.strip():
                    comments[activity] = comment.strip()
            write_annotator(path, Annotator(found.name, judgements, comments), self.activities, self.muscles)
            return revision(path)

    def annotators(self) -> list[str]:
        """Names that have a file."""
        return sorted(path.stem for path in (self.folder / "labels").glob("*.csv") if _is_name(path))

    def segments(self) -> tuple[list[tuple[str, str, str, str]], str]:
        """The rows of segments.csv (source, start, end, activity; seconds), and the revision."""
        path = self.segments_path
        with _alone(path.parent):
            return self._segments(path), revision(path)

    def save_segments(self, seen: str, source: str, spans: list[tuple[float, float, str]]) -> str:
        """Replace the segments of one source; returns the new revision. Raises Conflict or TableError."""
        path = self.segments_path
        _check_spans(spans, self.activities)
        with _alone(path.parent):
            if revision(path) != seen:
                raise Conflict(path.name)
            rows = [row for row in self._segments(path) if row[0] != source]
            rows += [(source, f"{start:.3f}", f"{end:.3f}", activity) for start, end, activity in sorted(spans)]
            rows.sort(key=lambda row: (row[0], float(row[1])))
            write_rows(path, SEGMENT_COLUMNS, rows)
            return revision(path)

    def _read(self, path: Path) -> Annotator:
        if not path.exists():
            return Annotator(path.stem, {}, {})
        read = read_decisions if path.stem == DECISIONS else read_annotator
        return read(path, self.activities, self.muscles)

    def _segments(self, path: Path) -> list[tuple[str, str, str, str]]:
        if not path.exists():
            return []
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [(row["source"], row["start"], row["end"], row["activity"]) for row in csv.DictReader(file)]


def revision(path: Path) -> str:
    """Digest of a file's bytes; "" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _check_spans(spans: list[tuple[float, float, str]], activities: tuple[str, ...]) -> None:
    before = 0.0
    for start, end, activity in sorted(spans):
        if activity not in activities:
            raise TableError(f"no activity {activity!r}; choose one of the list")
        if round(end * 1000) <= round(start * 1000) or start < 0:
            raise TableError(f"out ({end:.3f} s) is not after in ({start:.3f} s); mark them again")
        if round(start * 1000) < round(before * 1000):
            raise TableError(f"a segment starts at {start:.3f} s, before the one ahead of it ends ({before:.3f} s)")
        before = end


def _is_name(path: Path) -> bool:
    try:
        annotator_path(path.parent, path.stem)
    except TableError:
        return False
    return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder against other tabs and other servers, also of another process, while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
