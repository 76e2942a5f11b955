"""Where annotators agree: Cohen's kappa, the agreed table, what is open, and the draft that is trained on.

The rule is the paper's (section 3.2): an activity is agreed when all annotators judged all of its groups alike.
A decision, written down with its reason, settles a cell in which they differ.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from annotations.labels import Annotator, write_rows

AGREED, DECIDED, OPEN, SINGLE = "agreed", "decided", "open", "single"
STATUSES = (AGREED, DECIDED, OPEN, SINGLE)
"""Status of a cell: all annotators alike; settled by a decision; they differ; not judged by all of them."""

DRAFT_COLUMNS = ("activity", "muscle", "value", "status")
OPEN_COLUMNS = ("activity", "muscle", "annotator", "value", "reason")


@dataclass(frozen=True)
class Pair:
    """Cells that both of two annotators judged: how many, how many alike, and kappa where it is defined."""

    cells: int
    alike: int
    kappa: float | None


def compare(first: Annotator, second: Annotator, cells: Sequence[tuple[str, str]]) -> Pair:
    """Agreement of two annotators on those of `cells` that both judged.

    Kappa (Cohen 1960) is undefined where both gave one and the same value to every cell.
    """
    both = [c for c in cells if c in first.judgements and c in second.judgements]
    left, right = ([annotator.judgements[c].value for c in both] for annotator in (first, second))
    alike = sum(a == b for a, b in zip(left, right, strict=True))
    by_chance = sum(left) * sum(right) + (len(both) - sum(left)) * (len(both) - sum(right))
    room = len(both) ** 2 - by_chance
    return Pair(len(both), alike, (alike * len(both) - by_chance) / room if room else None)


def status(cell: tuple[str, str], annotators: Sequence[Annotator], decisions: Annotator) -> str:
    """One of AGREED, DECIDED, OPEN and SINGLE. Whether a decision is still needed does not depend on it."""
    values = {a.judgements[cell].value for a in annotators if cell in a.judgements}
    complete = all(cell in a.judgements for a in annotators)
    if complete and len(values) == 1:
        return AGREED
    if cell in decisions.judgements:
        return DECIDED
    return OPEN if complete else SINGLE


def settle(
    annotators: Sequence[Annotator],
    decisions: Annotator,
    activities: Sequence[str],
    muscles: Sequence[str],
    propose: str,
) -> dict[tuple[str, str], tuple[int, str]]:
    """(activity, muscle) → value and status, for the activities whose every cell has a value.

    An unsettled cell takes the value of the annotator named `propose`, and keeps its status; where that is "" or
    silent, the activity is left out.
    """
    proposed = next((a for a in annotators if a.name == propose), Annotator("", {}, {}))
    settled: dict[tuple[str, str], tuple[int, str]] = {}
    for activity in activities:
        cells = {}
        for muscle in muscles:
            cell = (activity, muscle)
            how = status(cell, annotators, decisions)
            source = {AGREED: annotators[0], DECIDED: decisions}.get(how, proposed)
            if cell not in source.judgements:
                break
            cells[cell] = (source.judgements[cell].value, how)
        else:
            settled |= cells
    return settled


def open_cells(
    annotators: Sequence[Annotator], decisions: Annotator, activities: Sequence[str], muscles: Sequence[str]
) -> list[tuple[str, str]]:
    """The cells that still need a second judgement or a decision, in the order of the tables."""
    cells = ((activity, muscle) for activity in activities for muscle in muscles)
    return [cell for cell in cells if status(cell, annotators, decisions) in (OPEN, SINGLE)]


def agreed_activities(settled: dict[tuple[str, str], tuple[int, str]]) -> list[str]:
    """The activities all of whose cells are agreed or decided."""
    statuses: defaultdict[str, set[str]] = defaultdict(set)
    for (activity, _), (_, how) in settled.items():
        statuses[activity].add(how)
    return [activity for activity, found in statuses.items() if found <= {AGREED, DECIDED}]


def provenance(statuses: Counter[str]) -> str:
    """Where the label of an activity comes from, in words, from the statuses of its cells."""
    if statuses[SINGLE]:
        return "draft: one derivation alone"
    if statuses[OPEN]:
        return f"draft: {statuses[OPEN]} of {statuses.total()} groups open"
    return f"draft: agreed, {statuses[DECIDED]} groups by decision" if statuses[DECIDED] else "draft: agreed"


def write(
    folder: Path,
    annotators: Sequence[Annotator],
    decisions: Annotator,
    activities: Sequence[str],
    muscles: Sequence[str],
    propose: str,
) -> None:
    """Write draft.csv, agreed.csv and open.csv into `folder`."""
    settled = settle(annotators, decisions, activities, muscles, propose)
    rows = [(*cell, *value) for cell, value in settled.items()]
    kept = set(agreed_activities(settled))
    write_rows(folder / "draft.csv", DRAFT_COLUMNS, rows)
    write_rows(folder / "agreed.csv", DRAFT_COLUMNS, [row for row in rows if row[0] in kept])
    write_rows(
        folder / "open.csv",
        OPEN_COLUMNS,
        [
            (*cell, a.name, a.judgements[cell].value, a.judgements[cell].reason)
            for cell in open_cells(annotators, decisions, activities, muscles)
            for a in annotators
            if cell in a.judgements
        ],
    )
