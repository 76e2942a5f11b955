"""What is true: the muscle groups, the activities and their labels, the source videos and their segments.

`read_tables` reads the CSV files of this folder and checks them; the first broken rule is a TableError that
names file, line, value and remedy. README.md beside this file tells the columns and how the labels were made.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from annotations import rules
from annotations.rules import Row, TableError, closest

__all__ = [
    "CANDIDATES",
    "EQUIPMENT",
    "MUSCLES",
    "PACKAGE_DIR",
    "PATTERNS",
    "POSITIONS",
    "PROVENANCES",
    "ROLES",
    "SEGMENT_COLUMNS",
    "SIDES",
    "SOURCE_COLUMNS",
    "Activity",
    "Muscle",
    "Segment",
    "Source",
    "TableError",
    "Tables",
    "closest",
    "label_names",
    "read_candidates",
    "read_tables",
]

PACKAGE_DIR = Path(__file__).parent
MUSCLES = 20
"""Muscle groups, the length of a label vector (paper section 3.2)."""

EQUIPMENT = ("none", "support", "band", "bar", "ball", "barbell", "dumbbell", "kettlebell", "rope")
"""`support` is a chair, bench, box, beam or wall: with it and with `none` body weight is the load."""
POSITIONS = (
    "standing",
    "seated",
    "quadruped",
    "plank",
    "side-plank",
    "reverse-plank",
    "prone",
    "supine",
    "side-lying",
    "hanging",
)
PATTERNS = (
    "squat",
    "lunge",
    "hinge",
    "push",
    "pull",
    "brace",
    "trunk-flexion",
    "trunk-extension",
    "trunk-rotation",
    "side-bend",
    "hip-flexion",
    "isolation",
    "jump",
    "gait",
    "strike",
    "sport",
)
SIDES = ("both", "alternating", "one")
SETS = ("known", "new")
ROLES = ("prime", "synergist", "stabiliser")
PROVENANCES = ("anatomy", "free-exercise-db")

SOURCE_COLUMNS = ("id", "url", "licence", "notes")
SEGMENT_COLUMNS = ("source", "start", "end", "activity")
CANDIDATES = ("id", "url", "title", "seconds", "uploader", "licence", "query", "keep")
"""Columns of candidates.csv, which a search fills; a person writes yes or no under `keep`."""
KEEP = ("", "yes", "no")


@dataclass(frozen=True)
class Muscle:
    """A muscle group; `index` is its place in a label vector, `anatomy` the muscles it covers."""

    index: int
    slug: str
    name: str
    anatomy: str


@dataclass(frozen=True)
class Activity:
    """An exercise; `aliases` are other names for it; a `new` one is never trained on (section 3.3)."""

    slug: str
    name: str
    aliases: tuple[str, ...]
    equipment: str
    position: str
    pattern: str
    side: str
    new: bool


@dataclass(frozen=True)
class Source:
    """A video on the web; `id` becomes its file name."""

    id: str
    url: str
    licence: str
    notes: str


@dataclass(frozen=True)
class Segment:
    """One activity in a source, from `start` to `end` in seconds; becomes one clip."""

    source: str
    start: float
    end: float
    activity: str


@dataclass(frozen=True)
class Tables:
    """All tables, checked.

    `labels` gives 20 zeros and ones for each activity that has label rows, `provenance` where these come from
    ("draft: anatomy"); `takedowns` are the ids of sources that may not be used any more.
    """

    muscles: tuple[Muscle, ...]
    activities: dict[str, Activity]
    labels: dict[str, tuple[int, ...]]
    provenance: dict[str, str]
    sources: dict[str, Source]
    segments: tuple[Segment, ...]
    takedowns: frozenset[str]


def read_tables(annotations: Path = PACKAGE_DIR, sources_and_segments: Path | None = None) -> Tables:
    """All tables of the folder `annotations`, with sources.csv and segments.csv from another one if given.

    Raises TableError, a ValueError of one line, for the first rule that a table breaks.
    """
    own = annotations if sources_and_segments is None else sources_and_segments
    muscles = _read_muscles(annotations / "muscles.csv")
    activities = _read_activities(annotations / "activities.csv")
    labels, provenance = _read_labels(annotations / "labels" / "draft.csv", muscles, activities)
    sources = _read_sources(own / "sources.csv", own / "candidates.csv")
    segments = _read_segments(own / "segments.csv", sources, activities, labels)
    takedowns = _read_takedowns(annotations / "takedowns.csv")
    return Tables(muscles, activities, labels, provenance, sources, segments, takedowns)


def label_names(label: tuple[int, ...], muscles: tuple[Muscle, ...]) -> list[str]:
    """Slugs of the active groups of a label vector, in label order."""
    return [muscle.slug for muscle, active in zip(muscles, label, strict=True) if active]


def _read_muscles(path: Path) -> tuple[Muscle, ...]:
    rows = rules.read_rows(path, ("index", "slug", "name", "anatomy"))
    rules.unique(rows, ("slug",))
    for index, row in enumerate(rows):
        if row["index"] != str(index):
            raise row.error(f"index {row['index']!r} where {index} comes next", "number the rows from 0 in label order")
    if len(rows) != MUSCLES:
        raise TableError(f"{path}:1: {len(rows)} muscle groups; list all {MUSCLES} of the label vector")
    return tuple(
        Muscle(index, rules.slug(row), rules.text(row, "name"), rules.text(row, "anatomy"))
        for index, row in enumerate(rows)
    )


def _read_activities(path: Path) -> dict[str, Activity]:
    rows = rules.read_rows(path, ("slug", "name", "aliases", "equipment", "position", "pattern", "side", "set"))
    rules.unique(rows, ("slug",))
    activities = {row["slug"]: _activity(row) for row in rows}
    _check_names(rows, activities)
    return activities


def _activity(row: Row) -> Activity:
    return Activity(
        slug=rules.slug(row),
        name=rules.text(row, "name"),
        aliases=tuple(alias.strip() for alias in row["aliases"].split("|")) if row["aliases"] else (),
        equipment=rules.word(row, "equipment", EQUIPMENT),
        position=rules.word(row, "position", POSITIONS),
        pattern=rules.word(row, "pattern", PATTERNS),
        side=rules.word(row, "side", SIDES),
        new=rules.word(row, "set", SETS) == "new",
    )


def _check_names(rows: list[Row], activities: dict[str, Activity]) -> None:
    """No two activities share a name or alias: a name leads to one activity."""
    owner: dict[str, str] = {}
    for row in rows:
        activity = activities[row["slug"]]
        for name in (activity.name, *activity.aliases):
            if not name:
                raise row.error(f"empty alias of {activity.slug!r}", "write aliases as one|another")
            other = owner.setdefault(name.lower(), activity.slug)
            if other != activity.slug:
                raise row.error(f"name {name!r} belongs to {other!r} too", "give it to one of the two")


def _read_labels(
    path: Path, muscles: tuple[Muscle, ...], activities: dict[str, Activity]
) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Label vectors, and for each "<file name>: <kinds of provenance>", such as "draft: anatomy"."""
    rows = rules.read_rows(path, ("activity", "muscle", "role", "provenance", "reason"))
    rules.unique(rows, ("activity", "muscle"))
    slugs = [muscle.slug for muscle in muscles]
    active: defaultdict[str, set[str]] = defaultdict(set)
    origin: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        activity = rules.one_of(row, "activity", activities, "activities.csv")
        active[activity].add(rules.word(row, "muscle", slugs))
        rules.word(row, "role", ROLES)
        origin[activity].add(rules.word(row, "provenance", PROVENANCES))
        rules.text(row, "reason")
    labels = {name: tuple(int(slug in active[name]) for slug in slugs) for name in active}
    return labels, {name: f"{path.stem}: {', '.join(sorted(origin[name]))}" for name in origin}


def _read_sources(path: Path, candidates: Path) -> dict[str, Source]:
    """The sources of the table at `path`, and the candidates that are kept, if there are any."""
    rows = rules.read_rows(path, SOURCE_COLUMNS)
    sources: dict[str, Source] = {}
    owner: dict[str, Row] = {}
    for row in rows + [row for row in read_candidates(candidates) if row["keep"] == "yes"]:
        notes = row.cells.get("notes", row.cells.get("title", ""))
        source = Source(rules.source_id(row, "id"), rules.video_address(row, "url"), row["licence"], notes)
        # One video under two ids would be on two sides of a split.
        for what, key in (("id", f"id {source.id}"), ("url", source.url)):
            first = owner.setdefault(key, row)
            if first is not row:
                where = f"line {first.line}" if first.path == row.path else f"{first.path.name}:{first.line}"
                raise row.error(f"{what} {row[what]!r} again, first in {where}", "remove or rename one of them")
        sources[source.id] = source
    return sources


def read_candidates(path: Path) -> list[Row]:
    """The rows of candidates.csv, checked; none where there is no such file."""
    if not path.exists():
        return []
    rows = rules.read_rows(path, CANDIDATES)
    rules.unique(rows, ("id",))
    for row in rows:
        rules.source_id(row, "id")
        rules.video_address(row, "url")
        rules.word(row, "keep", KEEP)
    return rows


def _read_segments(
    path: Path,
    sources: dict[str, Source],
    activities: dict[str, Activity],
    labels: dict[str, tuple[int, ...]],
) -> tuple[Segment, ...]:
    rows = rules.read_rows(path, SEGMENT_COLUMNS)
    segments = []
    by_source: defaultdict[str, list[tuple[float, float, Row]]] = defaultdict(list)
    for row in rows:
        source = rules.one_of(row, "source", sources, "sources.csv")
        activity = rules.one_of(row, "activity", activities, "activities.csv")
        if activity not in labels:
            raise row.error(f"activity {activity!r} has no label", "add its rows to labels/draft.csv")
        start, end = rules.seconds(row, "start"), rules.seconds(row, "end")
        if round(end * 1000) <= round(start * 1000):
            raise row.error(
                f"end {row['end']!r} is not after start {row['start']!r}",
                "let it end a millisecond later or more",
            )
        by_source[source].append((start, end, row))
        segments.append(Segment(source, start, end, activity))
    for spans in by_source.values():
        _check_overlap(spans)
    return tuple(segments)


def _check_overlap(spans: list[tuple[float, float, Row]]) -> None:
    """Segments of one source may touch and not overlap."""
    for (_, end, before), (start, _, row) in pairwise(sorted(spans, key=lambda span: span[:2])):
        if start < end:
            raise row.error(
                f"segment {row['start']} to {row['end']} of {row['source']!r} overlaps "
                f"{before['start']} to {before['end']} in line {before.line}",
                "let one end where the next starts",
            )


def _read_takedowns(path: Path) -> frozenset[str]:
    """Ids stay listed when their source's row is gone, so that nobody adds it again."""
    rows = rules.read_rows(path, ("id", "date", "reason"))
    rules.unique(rows, ("id",))
    for row in rows:
        try:
            date.fromisoformat(row["date"])
        except ValueError as error:
            raise row.error(f"date {row['date']!r} is no date", "write it as 2025-01-31") from error
        rules.text(row, "reason")
    return frozenset(rules.source_id(row, "id") for row in rows)
