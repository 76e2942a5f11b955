"""The tables that ship, against what the paper and the facts table say."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from annotations.tables import (
    EQUIPMENT,
    PACKAGE_DIR,
    PATTERNS,
    POSITIONS,
    SIDES,
    Tables,
    label_names,
    read_tables,
)

SHARED = Path(__file__).parents[2] / ".." / "shared"
DERIVATIONS = PACKAGE_DIR / "derivations"
FACTS = SHARED / "facts" / "free-exercise-db.csv"
VIDEOS = SHARED / "videos" / "INDEX.csv"

GROUPS = """neck and head, chest, shoulder, biceps, triceps, forearms, upper back, latissimus, obliques,
upper abdominis, lower abdominis, lower back, hamstring, quadriceps, calves, inner thigh, outer thigh,
gluteus, feet and ankles, wrists"""
"""The check boxes of the paper's figure 1, left column, then right."""

NEW = """hollow hold, v-ups, calf raise hold, modified scissors, scissors, reverse crunches, march twists,
hops on the spot, up and down planks, diamond push ups, running, plank jacks, archer push ups, front kicks,
triceps dip hold, side plank rotation, raised leg push ups, reverse plank kicks, circle push ups,
shoulder taps"""
"""Section 3.3 of the paper."""

BY_HAND = {
    "jumping-jack": {"shoulder", "calves"},
    "push-up": {"chest", "triceps", "shoulder"},
    "crunch": {"upper-abdominis"},
    "squat": {"quadriceps", "gluteus"},
    "plank": {"upper-abdominis", "lower-abdominis"},
    "biceps-curl": {"biceps", "forearms"},
    "superman": {"lower-back", "gluteus"},
    "pull-up": {"latissimus", "biceps", "forearms"},
    "calf-raise-hold": {"calves", "feet-and-ankles"},
    "side-plank-rotation": {"obliques", "shoulder"},
    "triceps-dip-hold": {"triceps"},
    "inner-thigh-lift": {"inner-thigh"},
}
"""What any trainer expects of an exercise, at the least."""

NEVER = {
    "wall-sit": {"biceps", "chest", "wrists"},
    "crunch": {"calves", "triceps", "gluteus"},
    "biceps-curl": {"quadriceps", "calves", "chest"},
    "running": {"chest", "wrists", "biceps"},
    "clamshell": {"shoulder", "calves"},
}


BY_EYE = {
    "calf-raise-hold calf-raise": "held; moving",
    "triceps-dip-hold triceps-dip": "held; moving",
    "modified-scissors flutter-kick": "one leg up while the other is down; small quick beats near the floor",
    "up-down-plank archer-push-up": "from forearms to hands; one arm out straight",
    "diamond-push-up push-up knee-push-up wide-push-up plyo-push-up": "where hands and knees are; a leap",
    "decline-push-up incline-push-up": "feet raised; hands raised",
    "running skip": "steps; a hop on each step",
    "jumping-jack star-jump": "from foot to foot on the floor; limbs spread in the air",
    "squat sumo-squat": "width of the stance",
    "lunge reverse-lunge curtsy-lunge": "step forward; back; back and across",
    "sit-up toe-touch-crunch": "trunk up to sitting; legs up and hands to the toes",
}
"""What tells activities apart that have the same joint actions, equipment, position, pattern and side."""


def words(text: str) -> list[str]:
    return [" ".join(word.split()) for word in text.split(",")]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def tables() -> Tables:
    return read_tables()


@pytest.fixture(scope="module")
def facts() -> dict[str, dict[str, str]]:
    if not FACTS.exists():
        pytest.skip("shared/facts/free-exercise-db.csv is not here")
    return {row["id"]: row for row in rows(FACTS)}


def test_the_groups_stand_in_the_order_of_the_paper(tables: Tables) -> None:
    assert [muscle.name for muscle in tables.muscles] == words(GROUPS)
    assert [muscle.slug for muscle in tables.muscles] == [name.replace(" ", "-") for name in words(GROUPS)]
    assert [muscle.index for muscle in tables.muscles] == list(range(20))


def test_the_new_activities_are_the_twenty_of_the_paper(tables: Tables) -> None:
    new = [activity for activity in tables.activities.values() if activity.new]
    names = [{name.lower() for name in (activity.name, *activity.aliases)} for activity in new]
    assert len(words(NEW)) == 20
    for paper, known_as in zip(words(NEW), names, strict=True):
        assert paper in known_as


def test_there_are_135_activities_as_in_the_paper(tables: Tables) -> None:
    assert len(tables.activities) == 135
    assert Counter(activity.new for activity in tables.activities.values()) == {True: 20, False: 115}


def test_no_two_activities_go_by_one_name_however_it_is_written(tables: Tables) -> None:
    owner: dict[str, str] = {}
    for activity in tables.activities.values():
        for name in (activity.name, activity.slug, *activity.aliases):
            plain = "".join(word.removesuffix("s") for word in re.split(r"[^a-z0-9é]+", name.lower()))
            assert owner.setdefault(plain, activity.slug) == activity.slug, name


def test_activities_alike_on_paper_are_told_apart_by_eye(tables: Tables) -> None:
    """Whoever adds an activity like another one writes down what a trainer sees."""
    actions: dict[str, set[str]] = {}
    for row in rows(DERIVATIONS / "activity_actions.csv"):
        actions.setdefault(row["activity"], set()).add(row["action"])
    alike: dict[object, set[str]] = {}
    for a in tables.activities.values():
        profile = (frozenset(actions[a.slug]), a.equipment, a.position, a.pattern, a.side)
        alike.setdefault(profile, set()).add(a.slug)
    assert {frozenset(found) for found in alike.values() if len(found) > 1} == {frozenset(k.split()) for k in BY_EYE}


def test_every_activity_has_a_label_and_every_group_can_be_learnt(tables: Tables) -> None:
    assert set(tables.labels) == set(tables.activities)
    assert all(len(label) == 20 and set(label) <= {0, 1} and any(label) for label in tables.labels.values())
    known = [label for name, label in tables.labels.items() if not tables.activities[name].new]
    assert all(0 < sum(column) < len(known) for column in zip(*known, strict=True))


def test_labels_hold_what_a_trainer_expects(tables: Tables) -> None:
    for activity, expected in BY_HAND.items():
        assert expected <= set(label_names(tables.labels[activity], tables.muscles)), activity
    for activity, absent in NEVER.items():
        assert not absent & set(label_names(tables.labels[activity], tables.muscles)), activity


def test_label_names_follow_the_label_order(tables: Tables) -> None:
    label = tuple(int(index in (19, 0, 7)) for index in range(20))
    assert label_names(label, tables.muscles) == ["neck-and-head", "latissimus", "wrists"]


def test_prevalence_is_near_the_papers_and_as_the_readme_says(tables: Tables) -> None:
    mean = sum(map(sum, tables.labels.values())) / len(tables.labels) / 20
    assert mean == pytest.approx(0.28, abs=0.05)
    assert f"{100 * mean:.1f} %, {20 * mean:.1f} groups" in (PACKAGE_DIR / "README.md").read_text("utf-8")


def test_labels_are_called_a_draft_and_say_how_much_is_open(tables: Tables) -> None:
    assert tables.provenance["biceps-curl"] == "draft: agreed"
    assert tables.provenance["squat"] == "draft: 1 of 20 groups open"
    assert tables.provenance["plank-jack"] == "draft: one derivation alone"
    assert all(provenance.startswith("draft: ") for provenance in tables.provenance.values())


def test_exercises_are_as_the_facts_table_has_them(facts: dict[str, dict[str, str]]) -> None:
    cited = rows(DERIVATIONS / "exercises.csv")
    assert len(cited) > 100
    for row in cited:
        for column in ("primary_muscles", "secondary_muscles"):
            assert row[column] == facts[row["exercise"]][column], row


def test_the_notes_of_the_mapping_are_true(facts: dict[str, dict[str, str]]) -> None:
    for row in rows(DERIVATIONS / "exercise_muscles.csv"):
        for exercise in re.findall(r"\w+[_-]\w+", row["note"]):
            listed = facts[exercise]["primary_muscles"] + "|" + facts[exercise]["secondary_muscles"]
            assert row["muscle"] in listed.split("|"), row


def test_the_map_knows_every_muscle_of_the_facts_table(tables: Tables, facts: dict[str, dict[str, str]]) -> None:
    mapping = rows(DERIVATIONS / "exercise_muscles.csv")
    named = {
        muscle
        for fact in facts.values()
        for column in ("primary_muscles", "secondary_muscles")
        for muscle in fact[column].split("|")
        if muscle
    }
    assert {row["muscle"] for row in mapping} == named
    # Both vocabularies are whole: a 0 of this derivation is never for want of a word.
    assert {row["group"] for row in mapping} == {muscle.slug for muscle in tables.muscles}


def test_joint_actions_cite_the_chapter_of_their_joint() -> None:
    chapters = {"neck": "10; Kendall ch. 4", "shoulder": "5; Kendall ch. 6", "elbow": "6; Kendall ch. 6",
                "trunk": "10; Kendall ch. 5", "hip": "12; Kendall ch. 7", "knee": "13; Kendall ch. 7"}  # fmt: skip
    for row in rows(DERIVATIONS / "joint_actions.csv"):
        expected = chapters.get(row["action"].split("-")[0], "")
        assert re.fullmatch(r"Neumann ch\. \d+; Kendall ch\. [4-7]", row["citation"]), row
        assert expected in row["citation"], row


def test_the_activities_of_the_shared_videos_are_there(tables: Tables) -> None:
    if not VIDEOS.exists():
        pytest.skip("shared/videos/INDEX.csv is not here")
    shown = {row["exercise"] for row in rows(VIDEOS)}
    assert shown
    assert shown <= set(tables.activities)


def test_every_word_is_explained_and_used(tables: Tables) -> None:
    readme = (PACKAGE_DIR / "README.md").read_text("utf-8")
    for column, vocabulary in (
        ("equipment", EQUIPMENT),
        ("position", POSITIONS),
        ("pattern", PATTERNS),
        ("side", SIDES),
    ):
        used = {getattr(activity, column) for activity in tables.activities.values()}
        assert used == set(vocabulary)
        (line,) = (line for line in readme.splitlines() if line.startswith(f"- `{column}`:"))
        assert all(f"`{word}`" in line for word in vocabulary)
