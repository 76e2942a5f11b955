"""Agreement against scikit-learn and by hand, and the generated files against what makes them."""

import csv
import io
import shutil
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner

from annotations import agreement
from annotations.agreement import AGREED, DECIDED, OPEN, SINGLE
from annotations.cli import app
from annotations.labels import Annotator, Judgement
from annotations.tables import PACKAGE_DIR, read_tables

MUSCLES = ("chest", "gluteus")
NOBODY = Annotator("decisions", {}, {})


def annotator(name: str, **activities: str) -> Annotator:
    """One that gives each activity's groups a digit; "-" is not judged."""
    cells = {(a, m): Judgement(int(v)) for a, row in activities.items() for m, v in zip(MUSCLES, row) if v != "-"}  # noqa: B905
    return Annotator(name, cells, {})


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=60))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    cells = [(f"a{n}", "chest") for n in range(len(pairs))]
    first, second = (
        Annotator("", {cell: Judgement(pair[side]) for cell, pair in zip(cells, pairs, strict=True)}, {})
        for side in (0, 1)
    )
    found = agreement.compare(first, second, cells)
    if len({value for pair in pairs for value in pair}) == 1:
        assert found.kappa is None
    else:
        assert found.kappa == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True), labels=[0, 1]))
    assert found.alike == sum(a == b for a, b in pairs)


def test_kappa_counts_only_what_both_judged() -> None:
    one, two = annotator("one", squat="11", plank="10"), annotator("two", squat="1-", plank="10")
    assert agreement.compare(one, two, [(a, m) for a in ("squat", "plank") for m in MUSCLES]).cells == 3


def test_an_activity_is_agreed_only_when_every_group_is() -> None:
    one = annotator("one", squat="01", plank="10", crunch="00", lunge="11")
    two = annotator("two", squat="01", plank="11", crunch="0-", lunge="01")
    decisions = Annotator("decisions", {("lunge", "chest"): Judgement(0, "nothing to push")}, {})
    activities = ("squat", "plank", "crunch", "lunge")

    settled = agreement.settle([one, two], decisions, activities, MUSCLES, propose="two")
    assert settled["plank", "gluteus"] == (1, OPEN)
    assert settled["lunge", "chest"] == (0, DECIDED)
    assert settled["squat", "gluteus"] == (1, AGREED)
    assert "crunch" not in {activity for activity, _ in settled}  # `two` proposes nothing for it
    assert agreement.agreed_activities(settled) == ["squat", "lunge"]
    assert agreement.status(("crunch", "gluteus"), [one, two], decisions) == SINGLE
    assert agreement.open_cells([one, two], decisions, activities, MUSCLES) == [
        ("plank", "gluteus"),
        ("crunch", "gluteus"),
    ]


def test_without_proposals_open_activities_are_left_out() -> None:
    one, two = annotator("one", squat="01", plank="10"), annotator("two", squat="01", plank="11")
    settled = agreement.settle([one, two], NOBODY, ("squat", "plank"), MUSCLES, propose="")
    assert {activity for activity, _ in settled} == {"squat"}


def test_the_shipped_tables_are_what_the_command_writes(tmp_path: Path) -> None:
    folder = tmp_path / "annotations"
    shutil.copytree(PACKAGE_DIR, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shipped = {path.name: path.read_bytes() for path in (PACKAGE_DIR / "labels").iterdir() if path.is_file()}
    for path in (folder / "labels").glob("*"):
        if path.stem in ("facts", "anatomy", "draft", "agreed", "open", "AGREEMENT", "agreement"):
            path.unlink()
    result = CliRunner().invoke(app, ["labels", "--folder", str(folder)])
    assert result.exit_code == 0, result.output
    for name in ("facts.csv", "anatomy.csv", "draft.csv", "agreed.csv", "open.csv", "AGREEMENT.md"):
        assert (folder / "labels" / name).read_bytes() == shipped[name], f"{name}: run `make labels`"
    made, kept = (
        matplotlib.image.imread(io.BytesIO(data))
        for data in ((folder / "labels" / "agreement.png").read_bytes(), shipped["agreement.png"])
    )
    assert made.shape == kept.shape
    assert np.abs(made - kept).mean() < 0.02, "agreement.png: run `make labels`"  # fonts are drawn a little differently


def test_what_is_open_is_not_in_the_agreed_table() -> None:
    labels = PACKAGE_DIR / "labels"
    agreed = {row["activity"] for row in rows(labels / "agreed.csv")}
    unsettled = {row["activity"] for row in rows(labels / "open.csv")}
    assert not agreed & unsettled
    assert agreed | unsettled == set(read_tables().activities)
    facts, anatomy = (
        {(row["activity"], row["muscle"]): row["value"] for row in rows(labels / f"{name}.csv")}
        for name in ("facts", "anatomy")
    )
    for row in rows(labels / "agreed.csv"):
        assert facts[row["activity"], row["muscle"]] == anatomy[row["activity"], row["muscle"]] == row["value"]


def test_every_cell_of_a_derivation_has_its_reason() -> None:
    joint_actions = {row["description"] for row in rows(PACKAGE_DIR / "derivations" / "joint_actions.csv")}
    exercises = {row["exercise"] for row in rows(PACKAGE_DIR / "derivations" / "exercises.csv")}
    for row in rows(PACKAGE_DIR / "labels" / "anatomy.csv"):
        if row["value"] == "1":
            assert any(row["reason"].startswith(f"{action} (Neumann ch. ") for action in joint_actions), row
        assert row["reason"]
    for row in rows(PACKAGE_DIR / "labels" / "facts.csv"):
        if row["value"] == "1":
            assert row["reason"].split()[0] in exercises, row
        assert row["reason"]


def test_two_people_replace_the_derivations(tmp_path: Path) -> None:
    folder = tmp_path / "annotations"
    shutil.copytree(PACKAGE_DIR, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    tables = read_tables()
    header = "activity,muscle,value,reason\n"
    for name, lunge in (("anna", 1), ("ben", 0)):
        cells = [f"squat,{m.slug},{int(m.slug == 'quadriceps')}," for m in tables.muscles]
        cells += [f"lunge,{m.slug},{lunge}," for m in tables.muscles]
        (folder / "labels" / f"{name}.csv").write_text(header + "\n".join(cells) + "\n", "utf-8")
    (folder / "segments.csv").write_text("source,start,end,activity\n", "utf-8")
    result = CliRunner().invoke(app, ["labels", "--folder", str(folder), "--annotators", "anna,ben", "--propose", ""])
    assert result.exit_code == 0, result.output
    assert set(read_tables(folder).labels) == {"squat"}
    assert sum(read_tables(folder).labels["squat"]) == 1
    assert "no person" not in (folder / "labels" / "AGREEMENT.md").read_text("utf-8")
