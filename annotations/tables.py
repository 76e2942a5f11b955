"""What is true: the muscle groups, the activities and their labels, the source videos and their segments.

`read_tables` reads the CSV files of this folder and checks them; the first broken rule is a TableError that
names file, line, value and remedy. README.md beside this file tells the columns and how the labels were made.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path

from annotations import agreement, rules
from annotations.labels import VALUES
from annotations.rules import Row, TableError, closest
from annotations.splits import SPLITS

__all__ = [
    "ACTIVITY_COLUMNS",
    "CANDIDATES",
    "EQUIPMENT",
    "MUSCLES",
    "OFFICIAL",
    "PACKAGE_DIR",
    "PATTERNS",
    "POSITIONS",
    "SEGMENT_COLUMNS",
    "SIDES",
    "SOURCE_COLUMNS",
    "SPLIT_COLUMNS",
    "Activity",
    "Muscle",
    "Segment",
    "Source",
    "TableError",
    "Tables",
    "closest",
    "label_names",
    "read_activities",
    "read_candidates",
    "read_muscles",
    "read_tables",
]

PACKAGE_DIR = Path(__file__).parent
OWN_TABLES = "tables"
"""Folder in a work folder with sources and segments of its own."""
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
OFFICIAL = "official"
STATUSES = (*agreement.STATUSES, OFFICIAL)
"""How a cell of a label table came about: see agreement.py; `official` is the authors' own."""

ACTIVITY_COLUMNS = ("slug", "name", "aliases", "equipment", "position", "pattern", "side", "set")
SOURCE_COLUMNS = ("id", "url", "licence", "notes")
SEGMENT_COLUMNS = ("source", "start", "end", "activity")
SPLIT_COLUMNS = ("source", "start", "end", "split")
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
    """An exercise; `aliases` are other names for it; a `new` one is never trained on (section 3.3).

    The words of equipment, position, pattern and side are "" where they are not known.
    """

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
    """A video on the web; `id` becomes its file name. Those of one `origin` were cut out of one longer video; it is
    empty for a whole video."""

    id: str
    url: str
    licence: str
    notes: str
    origin: str = ""


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
    ("draft: anatomy"); `takedowns` are the ids of sources that may not be used any more;
    `splits` gives the `paper` split of those segments that have one in splits.csv, as official lists do.
    """

    muscles: tuple[Muscle, ...]
    activities: dict[str, Activity]
    labels: dict[str, tuple[int, ...]]
    provenance: dict[str, str]
    sources: dict[str, Source]
    segments: tuple[Segment, ...]
    takedowns: frozenset[str]
    splits: dict[Segment, str] = field(default_factory=dict)


def tables_of(work: Path, otherwise: Path = PACKAGE_DIR) -> Path:
    """The folder with the sources and segments of a work folder: its own one where it has one."""
    return work / OWN_TABLES if (work / OWN_TABLES).is_dir() else otherwise


def read_tables(annotations: Path = PACKAGE_DIR, sources_and_segments: Path | None = None) -> Tables:
    """All tables of the folder `annotations`, with sources.csv and segments.csv from another one if given.

    If that one has an activities.csv, as an import of the official lists has, its activities and labels count.

    Raises TableError, a ValueError of one line, for the first rule that a table breaks.
    """
    own = annotations if sources_and_segments is None else sources_and_segments
    muscles = read_muscles(annotations)
    named = own if (own / "activities.csv").exists() else annotations
    activities = read_activities(named)
    official = named / "labels" / "official.csv"
    labels_path = official if official.exists() else named / "labels" / "draft.csv"
    labels, provenance = _read_labels(labels_path, muscles, activities)
    sources = _read_sources(own / "sources.csv", own / "candidates.csv")
    segments = _read_segments(own / "segments.csv", sources, activities, labels)
    takedowns = _read_takedowns(annotations / "takedowns.csv")
    if own != annotations and (own / "takedowns.csv").exists():
        takedowns |= _read_takedowns(own / "takedowns.csv")
    given = _read_splits(own / "splits.csv", segments)
    return Tables(muscles, activities, labels, provenance, sources, segments, takedowns, given)


def label_names(label: tuple[int, ...], muscles: tuple[Muscle, ...]) -> list[str]:
    """Slugs of the active groups of a label vector, in label order."""
    return [muscle.slug for muscle, active in zip(muscles, label, strict=True) if active]


def read_muscles(folder: Path) -> tuple[Muscle, ...]:
    """The muscle groups of muscles.csv in `folder`, in label order."""
    path = folder / "muscles.csv"
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


def read_activities(folder: Path) -> dict[str, Activity]:
    """The activities of activities.csv in `folder`, by slug."""
    path = folder / "activities.csv"
    rows = rules.read_rows(path, ACTIVITY_COLUMNS)
    rules.unique(rows, ("slug",))
    activities = {row["slug"]: _activity(row) for row in rows}
    _check_names(rows, activities)
    return activities


def _activity(row: Row) -> Activity:
    return Activity(
        slug=rules.slug(row),
        name=rules.text(row, "name"),
        aliases=tuple(alias.strip() for alias in row["aliases"].split("|")) if row["aliases"] else (),
        equipment=row["equipment"] and rules.word(row, "equipment", EQUIPMENT),
        position=row["position"] and rules.word(row, "position", POSITIONS),
        pattern=row["pattern"] and rules.word(row, "pattern", PATTERNS),
        side=row["side"] and rules.word(row, "side", SIDES),
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
    """Label vectors, and for each where it comes from, such as "draft: agreed"."""
    rows = rules.read_rows(path, agreement.DRAFT_COLUMNS)
    rules.unique(rows, ("activity", "muscle"))
    slugs = [muscle.slug for muscle in muscles]
    values: defaultdict[str, dict[str, int]] = defaultdict(dict)
    statuses: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        activity = rules.one_of(row, "activity", activities, "activities.csv")
        values[activity][rules.word(row, "muscle", slugs)] = int(rules.word(row, "value", VALUES))
        statuses[activity][rules.word(row, "status", STATUSES)] += 1
    for activity, cells in values.items():
        missing = [slug for slug in slugs if slug not in cells]
        if missing:
            raise TableError(f"{path}:1: {activity!r} has no row for {missing[0]!r}; give it all {MUSCLES}")
    labels = {name: tuple(cells[slug] for slug in slugs) for name, cells in values.items()}
    return labels, {
        name: OFFICIAL if found[OFFICIAL] else agreement.provenance(found) for name, found in statuses.items()
    }


def _read_sources(path: Path, candidates: Path) -> dict[str, Source]:
    """The sources of the table at `path`, and the candidates that are kept, if there are any."""
    rows = rules.read_rows(path, SOURCE_COLUMNS, optional=("origin",))
    sources: dict[str, Source] = {}
    owner: dict[str, Row] = {}
    for row in rows + [row for row in read_candidates(candidates) if row["keep"] == "yes"]:
        notes = row.cells.get("notes", row.cells.get("title", ""))
        name = rules.source_id(row, "id")
        origin = row.cells.get("origin", "")
        source = Source(name, rules.video_address(row, "url"), row["licence"], notes, origin)
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
            raise row.error(f"activity {activity!r} has no label", "judge all its groups, and run `make labels`")
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


def _read_splits(path: Path, segments: tuple[Segment, ...]) -> dict[Segment, str]:
    """Splits given by a table, for the segments in it; none where there is no such file."""
    if not path.exists():
        return {}
    rows = rules.read_rows(path, SPLIT_COLUMNS)
    rules.unique(rows, ("source", "start", "end"))
    found = {(segment.source, segment.start, segment.end): segment for segment in segments}
    given = {}
    for row in rows:
        span = (row["source"], rules.seconds(row, "start"), rules.seconds(row, "end"))
        if span not in found:
            raise row.error(f"no segment {row['start']} to {row['end']} of {row['source']!r}", "remove the row")
        given[found[span]] = rules.word(row, "split", SPLITS)
    return given


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
