"""What one annotator says of the muscle groups of the activities: `labels/<annotator>.csv`, read and written.

A person and a written derivation are annotators alike and share the format. A cell without a row is not judged
yet, which is something else than 0.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotations import rules
from annotations.rules import TableError

COLUMNS = ("activity", "muscle", "value", "reason")
VALUES = ("0", "1")
RESERVED = ("draft", "agreed", "open", "official", "decisions")
"""Files in labels/ that are no annotator's."""


@dataclass(frozen=True)
class Judgement:
    """One cell: 1 if the group is active, 0 if not, and why (persons may leave the reason empty)."""

    value: int
    reason: str = ""


@dataclass(frozen=True)
class Annotator:
    """All that one annotator has said: judgements by (activity, muscle), comments by activity."""

    name: str
    judgements: dict[tuple[str, str], Judgement]
    comments: dict[str, str]


def annotator_path(folder: Path, name: str) -> Path:
    """Where the judgements of the annotator `name` lie; raises TableError for a name that cannot be one."""
    if not rules.SLUG.fullmatch(name) or name in RESERVED:
        raise TableError(
            f"{folder}:1: {name!r} is no annotator's name; use small letters and digits joined by '-', "
            f"and none of {', '.join(RESERVED)}"
        )
    return folder / f"{name}.csv"


def read_annotator(path: Path, activities: Collection[str], muscles: Collection[str]) -> Annotator:
    """The file of one annotator, named after it; raises TableError for the first row that breaks a rule."""
    rows = rules.read_rows(path, COLUMNS)
    rules.unique(rows, ("activity", "muscle"))
    judgements: dict[tuple[str, str], Judgement] = {}
    comments: dict[str, str] = {}
    for row in rows:
        activity = rules.one_of(row, "activity", activities, "activities.csv")
        if row["muscle"]:
            muscle = rules.word(row, "muscle", tuple(muscles))
            judgements[activity, muscle] = Judgement(int(rules.word(row, "value", VALUES)), row["reason"])
        elif row["value"]:
            raise row.error("a value without a muscle", "name the muscle, or leave both empty for a comment")
        else:
            comments[activity] = rules.text(row, "reason")
    return Annotator(path.stem, judgements, comments)


def read_decisions(path: Path, activities: Collection[str], muscles: Collection[str]) -> Annotator:
    """What was decided, as the judgements of one annotator; none where there is no such file.

    Raises TableError also for a decision without a reason.
    """
    if not path.exists():
        return Annotator(path.stem, {}, {})
    decisions = read_annotator(path, activities, muscles)
    for (activity, muscle), judgement in decisions.judgements.items():
        if not judgement.reason:
            raise TableError(f"{path}:1: the decision on {activity}, {muscle} has no reason; write why")
    return decisions


def write_annotator(path: Path, annotator: Annotator, activities: Sequence[str], muscles: Sequence[str]) -> None:
    """Write the file of one annotator in the order of the tables; whole or not at all."""
    rows: list[tuple[str, str, object, str]] = []
    for activity in activities:
        if activity in annotator.comments:
            rows.append((activity, "", "", annotator.comments[activity]))
        for muscle in muscles:
            judgement = annotator.judgements.get((activity, muscle))
            if judgement is not None:
                rows.append((activity, muscle, judgement.value, judgement.reason))
    write_rows(path, COLUMNS, rows)


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table beside its place and move it in, so that a crash leaves the old one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
