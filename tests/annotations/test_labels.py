"""The format that annotators' files share."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.labels import Annotator, Judgement, annotator_path, read_annotator, read_decisions, write_annotator
from annotations.rules import TableError

ACTIVITIES = ("squat", "plank")
MUSCLES = ("chest", "quadriceps", "gluteus")
CELLS = st.tuples(st.sampled_from(ACTIVITIES), st.sampled_from(MUSCLES))
WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=20).map(str.strip)


def write(folder: Path, text: str) -> Path:
    path = folder / "anna.csv"
    path.write_text("activity,muscle,value,reason\n" + text, "utf-8")
    return path


@given(
    judgements=st.dictionaries(CELLS, st.builds(Judgement, st.integers(0, 1), WORDS)),
    comments=st.dictionaries(st.sampled_from(ACTIVITIES), WORDS.filter(bool)),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, judgements: dict[tuple[str, str], Judgement], comments: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("labels") / "anna.csv"
    annotator = Annotator("anna", judgements, comments)
    write_annotator(path, annotator, ACTIVITIES, MUSCLES)
    assert read_annotator(path, ACTIVITIES, MUSCLES) == annotator
    assert [entry.name for entry in path.parent.iterdir()] == ["anna.csv"]


def test_rows_stand_in_the_order_of_the_tables(tmp_path: Path) -> None:
    judgements = {("plank", "chest"): Judgement(0), ("squat", "gluteus"): Judgement(1, "hips, extended")}
    write_annotator(tmp_path / "anna.csv", Annotator("anna", judgements, {"plank": "elbows?"}), ACTIVITIES, MUSCLES)
    with (tmp_path / "anna.csv").open(encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["activity", "muscle", "value", "reason"],
            ["squat", "gluteus", "1", "hips, extended"],
            ["plank", "", "", "elbows?"],
            ["plank", "chest", "0", ""],
        ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("squat,chest,2,", "unknown value '2'"),
        ("squat,chest,,", "unknown value ''"),
        ("squad,chest,1,", "did you mean 'squat'"),
        ("squat,chests,1,", "did you mean 'chest'"),
        ("squat,,1,", "a value without a muscle"),
        ("squat,,,", "no reason"),
        ("squat,chest,1,\nsquat,chest,0,", "again, first in line 2"),
    ],
)
def test_a_broken_row_is_refused_with_its_line(tmp_path: Path, row: str, words: str) -> None:
    path = write(tmp_path, row + "\n")
    with pytest.raises(TableError, match=f"anna.csv:[23]: .*{words}"):
        read_annotator(path, ACTIVITIES, MUSCLES)


def test_a_decision_needs_its_reason(tmp_path: Path) -> None:
    assert not read_decisions(tmp_path / "decisions.csv", ACTIVITIES, MUSCLES).judgements
    path = write(tmp_path, "squat,chest,0,nothing is pushed\n")
    assert read_decisions(path, ACTIVITIES, MUSCLES).judgements["squat", "chest"].value == 0
    with pytest.raises(TableError, match="squat, chest has no reason"):
        read_decisions(write(tmp_path, "squat,chest,0,\n"), ACTIVITIES, MUSCLES)


def test_an_annotators_name_is_a_file_name_and_no_table_of_ours(tmp_path: Path) -> None:
    assert annotator_path(tmp_path, "anna-2") == tmp_path / "anna-2.csv"
    for name in ("draft", "open", "decisions", "../anna", "Anna", "a b", ""):
        with pytest.raises(TableError, match="no annotator's name"):
            annotator_path(tmp_path, name)
