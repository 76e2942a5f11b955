"""Two derivations of the labels from what is written, each an annotator of its own: `facts` and `anatomy`.

`facts` takes, for the exercises of free-exercise-db that are an activity or like it (exercises.csv), every muscle
listed there, and maps its name to a group (exercise_muscles.csv). An activity without such an exercise gets no
judgement. `anatomy` takes the joint actions of an activity (activity_actions.csv) and the groups that make or
resist each (joint_actions.csv, with the chapters that say so). Neither reads the other's tables. Each cell's reason
names the rows that it comes from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from annotations import rules
from annotations.labels import Annotator, Judgement

MATCHES = ("same", "like")
"""Whether the exercise is the activity, or another one with the same joint actions."""
ROLES = ("prime", "synergist", "stabiliser")


def facts(folder: Path, activities: Sequence[str], muscles: Sequence[str]) -> Annotator:
    """Judgements from the exercises table in `folder`, for the activities that it covers."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for row in rules.read_rows(folder / "exercise_muscles.csv", ("muscle", "group", "note")):
        groups[rules.text(row, "muscle")].append(rules.word(row, "group", muscles))
    columns = ("activity", "exercise", "match", "primary_muscles", "secondary_muscles")
    reasons: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    exercises: defaultdict[str, list[str]] = defaultdict(list)
    for row in rules.read_rows(folder / "exercises.csv", columns):
        activity = rules.one_of(row, "activity", activities, "activities.csv")
        alike = "" if rules.word(row, "match", MATCHES) == "same" else " (like it)"
        exercises[activity].append(rules.text(row, "exercise") + alike)
        for kind in ("primary", "secondary"):
            for muscle in filter(None, row[f"{kind}_muscles"].split("|")):
                if muscle not in groups:
                    raise row.error(f"unknown muscle {muscle!r}", "add it to exercise_muscles.csv")
                for group in groups[muscle]:
                    reasons[activity, group].append(f"{row['exercise']}{alike} lists {muscle} as {kind}")
    return _annotator(
        "facts", exercises, muscles, reasons, {a: f"not listed by {', '.join(names)}" for a, names in exercises.items()}
    )


def anatomy(folder: Path, activities: Sequence[str], muscles: Sequence[str]) -> Annotator:
    """Judgements from the joint actions in `folder`."""
    made_by: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in rules.read_rows(folder / "joint_actions.csv", ("action", "muscle", "role", "description", "citation")):
        why = f"{rules.text(row, 'description')} ({rules.text(row, 'citation')}): {rules.word(row, 'role', ROLES)}"
        made_by[rules.slug(row, "action")].append((rules.word(row, "muscle", muscles), why))
    reasons: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    actions: defaultdict[str, list[str]] = defaultdict(list)
    for row in rules.read_rows(folder / "activity_actions.csv", ("activity", "action")):
        activity = rules.one_of(row, "activity", activities, "activities.csv")
        actions[activity].append(rules.one_of(row, "action", made_by, "joint_actions.csv"))
        for muscle, why in made_by[row["action"]]:
            reasons[activity, muscle].append(why)
    return _annotator(
        "anatomy", actions, muscles, reasons, {a: f"no part in {', '.join(names)}" for a, names in actions.items()}
    )


def _annotator(
    name: str,
    judged: defaultdict[str, list[str]],
    muscles: Sequence[str],
    reasons: defaultdict[tuple[str, str], list[str]],
    silence: dict[str, str],
) -> Annotator:
    """1 where there is a reason, 0 with the reason of `silence` elsewhere, for each judged activity."""
    cells = {
        (activity, muscle): (
            Judgement(1, "; ".join(reasons[activity, muscle]))
            if (activity, muscle) in reasons
            else Judgement(0, silence[activity])
        )
        for activity in judged
        for muscle in muscles
    }
    return Annotator(name, cells, {})


DERIVATIONS = {"facts": facts, "anatomy": anatomy}
