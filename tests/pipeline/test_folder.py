from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from annotations.tables import read_tables
from pipeline.config import Config, SplitConfig
from pipeline.cut import key_of
from pipeline.demo import own_videos, served
from pipeline.errors import UserError
from pipeline.folder import find_videos, write_segments
from pipeline.stages import Project, splits


def test_a_folders_name_is_the_activity_of_its_videos(tmp_path: Path, small_video: Path) -> None:
    (tmp_path / "squat").mkdir()
    shutil.copy(small_video, tmp_path / "squat" / "my first.mp4")
    (tmp_path / "squat" / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "squat" / "notes.txt").write_text("not a video")
    videos = find_videos(tmp_path, read_tables().activities)
    assert {name: video.path for name, video in videos.items()} == {
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


def test_classes_of_ucf101_become_a_dataset_and_groups_stay_together(
    tmp_path: Path, small_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for group in range(6):
        for label in ("JumpingJack", "PlayingGuitar"):
            for clip in ("c01", "c02"):
                path = tmp_path / "UCF-101" / label / f"v_{label}_g0{group}_{clip}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(small_video, path)
    site = own_videos(tmp_path / "UCF-101", tmp_path / "work", "ucf101")
    assert len(site.videos) == 12
    with served(site) as folder:
        tables = read_tables(sources_and_segments=folder)
    assert {segment.activity for segment in tables.segments} == {"jumping-jack"}
    assert len({source.origin for source in tables.sources.values()}) == 6

    for seed in range(20):
        config = replace(Config(), splits=SplitConfig(seed=seed))
        held = splits(Project(tmp_path, tables, config, None))["video-disjoint"]  # type: ignore[arg-type]
        for source in tables.sources.values():
            of_group = [s for s in tables.segments if tables.sources[s.source].origin == source.origin]
            assert len({held[key_of(segment)] for segment in of_group}) == 1


def test_splits_of_official_lists_take_the_place_of_drawn_ones_under_paper(tmp_path: Path) -> None:
    (tmp_path / "sources.csv").write_text("id,url,licence,notes\na,https://example.org/a,,\n", "utf-8")
    spans = [f"a,{n},{n + 1}" for n in range(30)]
    (tmp_path / "segments.csv").write_text(
        "source,start,end,activity\n" + "".join(f"{span},squat\n" for span in spans), "utf-8"
    )
    given = {n: ("train", "known-val", "known-test")[n % 3] for n in range(20)}
    header = "source,start,end,split\n"
    (tmp_path / "splits.csv").write_text(header + "".join(f"{spans[n]},{s}\n" for n, s in given.items()), "utf-8")
    tables = read_tables(sources_and_segments=tmp_path)
    held = splits(Project(tmp_path, tables, Config(), None))  # type: ignore[arg-type]
    keys = [key_of(segment) for segment in tables.segments]
    assert {n: held["paper"][keys[n]] for n in given} == given
    assert len({held["video-disjoint"][key] for key in keys}) == 1
    assert set(held["paper"]) == set(held["video-disjoint"]) == set(keys)
