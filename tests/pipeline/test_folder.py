from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from annotations.tables import read_tables
from pipeline.errors import UserError
from pipeline.folder import find_videos, write_segments


def test_a_folders_name_is_the_activity_of_its_videos(tmp_path: Path, small_video: Path) -> None:
    (tmp_path / "squat").mkdir()
    shutil.copy(small_video, tmp_path / "squat" / "my first.mp4")
    (tmp_path / "squat" / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "squat" / "notes.txt").write_text("not a video")
    videos = find_videos(tmp_path, read_tables().activities)
    assert videos == {
        "squat-broken": tmp_path / "squat" / "broken.mp4",
        "squat-my-first": tmp_path / "squat" / "my first.mp4",
    }
    write_segments(videos, tmp_path / "segments.csv")
    with (tmp_path / "segments.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {"source": "squat-my-first", "start": "0.000", "end": "3.000", "activity": "squat"} in rows
    assert [row["source"] for row in rows] == ["squat-broken", "squat-my-first"]


def test_a_name_that_is_no_activity_is_said_with_the_nearest(tmp_path: Path, small_video: Path) -> None:
    (tmp_path / "sqat").mkdir()
    shutil.copy(small_video, tmp_path / "sqat" / "a.mp4")
    with pytest.raises(UserError, match=r"'sqat' is none of .*did you mean .*squat"):
        find_videos(tmp_path, read_tables().activities)


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_videos_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no such folder" if name == "missing" else "no videos here"):
        find_videos(tmp_path / name, read_tables().activities)
