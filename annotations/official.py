"""The authors' own lists as our tables, for those who have them.

The published code reads five pairs of pickled lists, one pair a split: paths of clips, and for each clip the list of
its active groups (0 to 19). The paths lie in a folder `musclemap_trimmed`. Beyond that neither the code nor the paper
says how clips are named, so this is our reading: the folder of a clip is its activity (for a clip right in
`musclemap_trimmed`, its name without the numbers at the end), and a name `<YouTube id>_<start>_<end>` tells its
source and seconds. What does not fit is counted and said.
"""

from __future__ import annotations

import pickle
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from annotations import agreement, rules
from annotations.labels import write_rows
from annotations.rules import TableError
from annotations.tables import (
    ACTIVITY_COLUMNS,
    MUSCLES,
    OFFICIAL,
    PACKAGE_DIR,
    SEGMENT_COLUMNS,
    SOURCE_COLUMNS,
    SPLIT_COLUMNS,
    Activity,
    read_activities,
    read_muscles,
)

LISTS = {
    "train": ("train", 7069),
    "val_unseen": ("new-val", 2355),
    "val_seen": ("known-val", 1599),
    "test_unseen": ("new-test", 2360),
    "test_seen": ("known-test", 1594),
}
"""List of the published code → our split, and its clips by section 3.3 of the paper (sum 14,977)."""

CLIPS_FOLDER = "musclemap_trimmed"
LARGEST = 64 * 2**20
"""Bytes of a list. The real ones hold thousands of short paths."""

CLIP_NAME = re.compile(r"(?P<video>[A-Za-z0-9_-]{11})_(?P<start>\d+(?:\.\d+)?)_(?P<end>\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Clip:
    """One entry of the lists; `label` are active groups in order."""

    path: str
    activity: str
    split: str
    label: tuple[int, ...]


class _Plain(pickle.Unpickler):
    """Builds lists, tuples, strings and numbers; a pickle that names any class or function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def import_lists(folder: Path, out: Path) -> list[str]:
    """Write the tables of the lists in `folder` into `out`; gives what is to be told, a line each.

    Raises TableError for a list that is missing, refused, or not what it should be.
    """
    clips = [clip for name in LISTS for clip in _read_pair(folder, name)]
    activities, unnamed = _activities(clips)
    labels, mixed = _labels(clips)
    timed = [(clip, found) for clip in clips if (found := CLIP_NAME.fullmatch(PurePosixPath(clip.path).stem))]
    segments, overlapping = _apart(timed)
    _write(out, clips, activities, labels, segments)
    return [
        *_counts(clips),
        *_lines("activities are none of ours; their other columns are left empty", unnamed),
        *_lines("activities have clips with different labels; the commonest is taken", mixed),
        *_lines("clips have no YouTube id and seconds in their name, and are in no segment", _untimed(clips, timed)),
        *_lines("clips overlap an earlier one of their video or have no length, and are in no segment", overlapping),
        f"written: {out}; use it as TABLES={out}",
    ]


def load_plain(path: Path) -> Any:
    """The object in the pickle at `path`, which may hold nothing but lists, tuples, strings and numbers."""
    try:
        if path.stat().st_size > LARGEST:
            raise TableError(f"{path}:1: larger than any list of the dataset; name the right file")
        with path.open("rb") as file:
            return _Plain(file, encoding="ASCII").load()
    except OSError as error:
        raise TableError(f"{path}:1: cannot be read ({error.strerror}); put the list there") from error
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, LookupError, MemoryError,
        OverflowError, RecursionError,
    ) as error:  # fmt: skip
        if isinstance(error, TableError):
            raise
        raise TableError(f"{path}:1: refused: no plain list ({error}); a list holds paths or labels only") from error


def _read_pair(folder: Path, name: str) -> list[Clip]:
    videos_path, labels_path = _find(folder, name, "video"), _find(folder, name, "label")
    videos, labels = load_plain(videos_path), load_plain(labels_path)
    if not isinstance(videos, (list, tuple)) or not all(isinstance(path, str) and path for path in videos):
        raise TableError(f"{videos_path}:1: not a list of paths; name the list of videos so that its path says `video`")
    if not isinstance(labels, (list, tuple)) or not all(_is_label(label) for label in labels):
        raise TableError(f"{labels_path}:1: not a list of lists of groups from 0 to {MUSCLES - 1}; take the label list")
    if len(videos) != len(labels):
        raise TableError(f"{labels_path}:1: {len(labels)} labels for {len(videos)} videos; take the list of the pair")
    split = LISTS[name][0]
    return [Clip(p, _activity_name(p), split, tuple(sorted({*label}))) for p, label in zip(videos, labels, strict=True)]


def _is_label(label: object) -> bool:
    return isinstance(label, (list, tuple)) and all(type(group) is int and 0 <= group < MUSCLES for group in label)


def _find(folder: Path, name: str, kind: str) -> Path:
    """The one file in `folder` whose path names list and kind: `val_seen/video/list`, or `val_seen_video.pkl`."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    found = [path for path in paths if _says(path.relative_to(folder), name) and _says(path.relative_to(folder), kind)]
    if len(found) != 1:
        what = f"{len(found)} files" if found else "no file"
        raise TableError(f"{folder}:1: {what} whose path says {name!r} and {kind!r}; name one {name}_{kind}.pkl")
    return found[0]


def _says(path: Path, word: str) -> bool:
    """Whether the word stands in the path between signs that are no letters (`val_unseen` does not say `val_seen`)."""
    return re.search(rf"(?<![a-z]){word}(?:s|list)?(?![a-z])", re.sub(r"[^a-z]+", "_", str(path).lower())) is not None


def _activity_name(path: str) -> str:
    """The activity of a clip, in words, from its path."""
    pure = PurePosixPath(path.replace("\\", "/"))
    name = pure.parent.name
    if name in ("", CLIPS_FOLDER):
        name = re.sub(r"[\s_-]*\d+$", "", pure.stem)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", name.lower()).split()) or "unnamed"


def _activities(clips: Sequence[Clip]) -> tuple[list[Activity], list[str]]:
    """Rows of activities.csv, with what we know of those we have, and the names of the others."""
    ours = {_plain(name): a for a in read_activities(PACKAGE_DIR).values() for name in (a.name, a.slug, *a.aliases)}
    new = {clip.activity for clip in clips if clip.split.startswith("new-")}
    rows, unnamed = [], []
    for name in sorted({clip.activity for clip in clips}):
        known = ours.get(_plain(name))
        if known is None:
            unnamed.append(name)
        facts = (known.equipment, known.position, known.pattern, known.side) if known else ("", "", "", "")
        rows.append(Activity(_slug(name), name, (), *facts, name in new))
    return rows, unnamed


def _plain(name: str) -> str:
    """A name without spaces, hyphens, capitals and the plural s."""
    return "".join(word.removesuffix("s") for word in re.split(r"[^a-z0-9]+", name.lower()))


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def _labels(clips: Sequence[Clip]) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """The label of each activity, and the activities whose clips differ."""
    found: defaultdict[str, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for clip in clips:
        found[clip.activity][clip.label] += 1
    chosen = {name: min(counts, key=lambda label: (-counts[label], label)) for name, counts in found.items()}
    return chosen, sorted(name for name, counts in found.items() if len(counts) > 1)


def _apart(timed: Sequence[tuple[Clip, re.Match[str]]]) -> tuple[list[tuple[Clip, re.Match[str]]], list[str]]:
    """The clips that can be segments together, and the paths of those that cannot."""
    kept: list[tuple[Clip, re.Match[str]]] = []
    left: list[str] = []
    ends: dict[str, float] = {}
    for clip, name in sorted(timed, key=lambda item: (item[1]["video"], float(item[1]["start"]), item[0].path)):
        start, end = float(name["start"]), float(name["end"])
        if ends.get(name["video"], 0.0) <= start < end:
            kept.append((clip, name))
            ends[name["video"]] = end
        else:
            left.append(clip.path)
    return kept, left


def _untimed(clips: Sequence[Clip], segments: Sequence[tuple[Clip, re.Match[str]]]) -> list[str]:
    timed = {clip.path for clip, _ in segments}
    return [clip.path for clip in clips if clip.path not in timed]


def _write(
    out: Path,
    clips: Sequence[Clip],
    activities: Sequence[Activity],
    labels: dict[str, tuple[int, ...]],
    segments: Sequence[tuple[Clip, re.Match[str]]],
) -> None:
    muscles = [muscle.slug for muscle in read_muscles(PACKAGE_DIR)]
    write_rows(
        out / "activities.csv",
        ACTIVITY_COLUMNS,
        [
            (a.slug, a.name, "", a.equipment, a.position, a.pattern, a.side, "new" if a.new else "known")
            for a in activities
        ],
    )
    write_rows(
        out / "labels" / "official.csv",
        agreement.DRAFT_COLUMNS,
        [
            (_slug(name), muscle, int(index in label), OFFICIAL)
            for name, label in sorted(labels.items())
            for index, muscle in enumerate(muscles)
        ],
    )
    videos = sorted({found["video"] for _, found in segments})
    write_rows(
        out / "sources.csv", SOURCE_COLUMNS, [(v, rules.YOUTUBE_WATCH + v, "", "official lists") for v in videos]
    )
    timed = sorted({(m["video"], m["start"], m["end"], _slug(c.activity), c.split) for c, m in segments})
    write_rows(out / "segments.csv", SEGMENT_COLUMNS, [row[:4] for row in timed])
    write_rows(out / "splits.csv", SPLIT_COLUMNS, [(*row[:3], row[4]) for row in timed])
    write_rows(out / "clips.csv", ("path", "activity", "split"), [(c.path, _slug(c.activity), c.split) for c in clips])


def _counts(clips: Sequence[Clip]) -> list[str]:
    """What the lists hold beside section 3.3 of the paper."""
    counts = Counter(clip.split for clip in clips)
    lines = []
    for split, paper in LISTS.values():
        differs = f", {counts[split] - paper:+,}" if counts[split] != paper else ""
        lines.append(f"{split}: {counts[split]:,} clips (paper: {paper:,}{differs})")
    total = sum(paper for _, paper in LISTS.values())
    lines.append(f"together: {len(clips):,} clips (paper: {total:,} by section 3.3, 15,004 by table 1)")
    new = {clip.activity for clip in clips if clip.split.startswith("new-")}
    known = {clip.activity for clip in clips} - new
    lines.append(f"activities: {len(known)} known, {len(new)} new (paper: 115, 20)")
    twice = len(clips) - len({clip.path for clip in clips})
    both = new & {clip.activity for clip in clips if not clip.split.startswith("new-")}
    return [*lines, *([f"{twice} paths stand in the lists twice"] if twice else []),
            *_lines("activities are both new and known", sorted(both))]  # fmt: skip


def _lines(words: str, names: Sequence[str]) -> list[str]:
    """One line with the first few names; none where there are none."""
    more = ", …" if len(names) > 3 else ""
    return [f"{len(names)} {words}: {', '.join(names[:3])}{more}"] if names else []
