from collections import Counter

import pytest

from annotations.classes import origin_of, read_classes
from annotations.rules import TableError
from annotations.tables import read_tables


@pytest.mark.parametrize(("dataset", "classes"), [("ucf101", 101), ("hmdb51", 51)])
def test_all_classes_are_listed_and_lead_to_activities_with_labels(dataset: str, classes: int) -> None:
    found = read_classes(dataset)
    assert len(found) == classes
    assert {activity for activity in found.values() if activity} <= set(read_tables().labels)


def test_the_same_exercise_has_the_same_activity_in_both() -> None:
    ucf, hmdb = read_classes("ucf101"), read_classes("hmdb51")
    assert ucf["PullUps"] == hmdb["pullup"] == "pull-up"
    assert ucf["PushUps"] == hmdb["pushup"] == "push-up"
    assert ucf["JumpingJack"] == "jumping-jack"
    assert not ucf["PlayingGuitar"]
    assert not hmdb["smile"]
    assert Counter(bool(activity) for activity in ucf.values())[True] == 12
    assert Counter(bool(activity) for activity in hmdb.values())[True] == 7


@pytest.mark.parametrize(
    ("dataset", "label", "stem", "origin"),
    [
        ("ucf101", "JumpingJack", "v_JumpingJack_g07_c02", "ucf101-JumpingJack_g07"),
        ("hmdb51", "run", "20060723sfjffbartsinger_run_f_cm_np1_ba_med_0", "hmdb51-20060723sfjffbartsinger"),
        ("hmdb51", "shoot_ball", "AmazingShots_shoot_ball_u_nm_np1_fr_goo_12", "hmdb51-AmazingShots"),
        ("ucf101", "JumpingJack", "renamed", ""),
        ("", "squat", "v_squat_g07_c02", ""),
    ],
)
def test_clips_of_one_film_have_one_origin(dataset: str, label: str, stem: str, origin: str) -> None:
    assert origin_of(dataset, label, stem) == origin


def test_an_unknown_dataset_is_refused() -> None:
    with pytest.raises(TableError, match="ucf101 and hmdb51"):
        read_classes("kinetics")
