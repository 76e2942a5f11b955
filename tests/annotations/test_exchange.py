"""Labels to other tools and back, and files as those tools write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotations.exchange import from_cvat, from_label_studio, to_cvat, to_label_studio
from annotations.labels import Annotator, Judgement
from annotations.rules import TableError

ACTIVITIES, MUSCLES = ("squat", "lunge"), ("chest", "calves", "gluteus")
SAID = Annotator(
    "anna", {("squat", "chest"): Judgement(0), ("squat", "gluteus"): Judgement(1)}, {"squat": "deep ones, too"}
)


def test_label_studio_and_back(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(to_label_studio(SAID, ACTIVITIES, MUSCLES))
    assert from_label_studio(path, "anna", ACTIVITIES, MUSCLES) == SAID


def test_label_studio_export_by_hand(tmp_path: Path) -> None:
    result = [
        {"id": "x", "type": "choices", "from_name": "active", "to_name": "video", "value": {"choices": ["calves"]}}
    ]
    annotations = [{"id": 1, "was_cancelled": False, "result": result}, {"id": 2, "was_cancelled": True, "result": []}]
    path = tmp_path / "project.json"
    path.write_text(json.dumps([{"id": 7, "data": {"activity": "lunge"}, "annotations": annotations}]))
    found = from_label_studio(path, "ben", ACTIVITIES, MUSCLES)
    assert {muscle: cell.value for (_, muscle), cell in found.judgements.items()} == {
        "chest": 0,
        "calves": 1,
        "gluteus": 0,
    }


def test_cvat_and_back(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text(to_cvat(SAID, ACTIVITIES, MUSCLES))
    assert from_cvat(path, "anna", ACTIVITIES, MUSCLES).judgements == SAID.judgements


@pytest.mark.parametrize(
    "text", ["", "<annotations><image name='squat.jpg'><tag label='wings'/></image></annotations>", "{}x"]
)
def test_broken_files_are_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    for read in (from_cvat, from_label_studio):
        with pytest.raises(TableError, match="file"):
            read(path, "anna", ACTIVITIES, MUSCLES)
