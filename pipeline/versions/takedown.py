"""Takedown: a source leaves the tables, every column, every older version, the work folder and saved predictions.

The tombstone comes first, so that a run that is killed half-way is finished by the same command.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.errors import UserError
from pipeline.files import write_table
from pipeline.release import Release, number, read_release, versions_in
from pipeline.versions.derive import without_sources

TOMBSTONES = "takedowns.csv"
SHARED = "-shared"
"""Ending of the folder beside the dataset in which `make publish WITHOUT=` makes copies without pictures."""
TABLES = ("sources.csv", "segments.csv", "candidates.csv")


def take_down(source: str, reason: str, tables: Path, work: Path, dataset: Path) -> tuple[Release | None, list[Path]]:
    """Removes all of a source; the new version, if the newest held it, and the paths that were removed.

    Raises UserError for a source that nothing here knows, or without a reason.
    """
    if not source or not reason.strip():
        raise UserError("say which source and why: make takedown ID=… REASON='…'")
    releases = [read_release(path) for path in versions_in(dataset)]
    holding = [release for release in releases if source in set(release.index["source"])]
    tombs = _rows(tables / TOMBSTONES)
    known = any(source in row[:1] for name in TABLES for row in _rows(tables / name))
    if not (known or holding or any(row[:1] == [source] for row in tombs)):
        raise UserError(f"{source!r}: not in {tables} or {dataset}; the id is the first part of a clip's key")
    if not any(row[:1] == [source] for row in tombs):
        head = tombs[:1] or [["id", "date", "reason"]]
        write_table(tables / TOMBSTONES, head[0], [*tombs[1:], [source, date.today().isoformat(), reason.strip()]])
    for name in TABLES:
        rows = _rows(tables / name)
        if any(row[:1] == [source] for row in rows):
            write_table(tables / name, rows[0], [row for row in rows[1:] if row[:1] != [source]])
    made = None
    if holding and holding[-1] is releases[-1]:
        major, minor, patch = number(holding[-1].version)
        version = f"{major}.{minor}.{patch + 1}"
        made = without_sources(holding[-1], {source}, version, dataset / version)
    copies = [read_release(path) for path in versions_in(dataset.with_name(dataset.name + SHARED))]
    holding += [release for release in copies if source in set(release.index["source"])]
    removed = [release.root for release in holding] + [*_traces(source, work)]
    for path in removed:
        (shutil.rmtree if path.is_dir() else Path.unlink)(path)
    return made, removed


def _rows(path: Path) -> list[list[str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8-sig") as stream:
        return [[cell.strip() for cell in row] for row in csv.reader(stream) if row]


def _traces(source: str, work: Path) -> Iterator[Path]:
    """Files of the work folder that hold something of a source; pages and tables that show clips go whole."""
    own = re.compile(rf"{re.escape(source)}(-\d{{7,}}-\d{{7,}})?\.")  # `ann` must not take `ann-lee` with it
    for folder in ("videos", "clips", "payloads", "detect", "skeletons"):
        yield from (path for path in (work / folder).rglob("*") if own.match(path.name) and path.is_file())
    shown = (path for pattern in ("*", "videos/*") for path in (work / "predictions").glob(pattern))
    yield from (path for path in shown if own.match(f"{path.name}."))
    stale = False
    for path in work.glob("runs*/*/predictions*.parquet"):
        if source in set(pq.read_table(path, columns=["source"])["source"].to_pylist()):
            stale = True
            yield path
    whole = [work / "page", work / "explain", *([*work.glob("results*"), *work.glob("tables*")] if stale else [])]
    yield from (path for path in whole if path.is_dir())
