"""Proposals in videos whose scenes are known: made of plain colours, or of real people."""

from __future__ import annotations

import csv
import itertools
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline import media
from pipeline.config import Config, DetectConfig, SkeletonConfig
from pipeline.detect import Proposals, detect, windows
from pipeline.errors import Failure, Reason, UserError
from pipeline.pose.models import model_path
from pipeline.records import Video

FPS = 10


def video(work: Path, frames: list[np.ndarray]) -> Video:
    (work / "videos").mkdir(exist_ok=True)
    height, width = frames[0].shape[:2]
    count = media.encode(iter(frames), work / "videos" / "v.mp4", FPS, crf=18, gop=10)
    return Video("v", "videos/v.mp4", "", 0, width, height, FPS, count / FPS)


def rows(work: Path) -> list[tuple[str, float, float, str]]:
    with (work / "proposals" / "v.csv").open(newline="") as stream:
        return [(source, float(start), float(end), activity) for source, start, end, activity in csv.reader(stream)]


def colours(*lengths: int) -> list[np.ndarray]:
    """Scenes of one colour each, some frames long."""
    shades = [(200, 30, 30), (235, 235, 235), (20, 20, 70)]
    return [np.full((96, 128, 3), shade, np.uint8) for shade, n in zip(shades, lengths, strict=False) for _ in range(n)]


@pytest.mark.parametrize(("seconds", "count"), [(1.9, 1), (10.0, 1), (10.1, 2), (35.0, 4)])
def test_windows_cover_a_span_once(seconds: float, count: int) -> None:
    spans = list(windows(3.0, 3.0 + seconds, 10.0))
    assert len(spans) == count
    assert spans[0][0] == 3.0 and spans[-1][1] == pytest.approx(3.0 + seconds)
    assert all(end == start for (_, end), (start, _) in pairwise(spans))


def test_scenes_are_found_and_long_ones_divided(tmp_path: Path) -> None:
    config = Config(detect=DetectConfig(person=False, window_s=4.0))
    result = detect(video(tmp_path, colours(25, 60, 20)), tmp_path, config)
    assert result == Proposals("v", "proposals/v.csv", 4)
    expected = [(0.0, 2.5), (2.5, 5.5), (5.5, 8.5), (8.5, 10.5)]
    assert rows(tmp_path) == [("v", pytest.approx(start), pytest.approx(end), "") for start, end in expected]


def test_a_video_without_a_cut_is_one_scene_and_short_ones_are_left_out(tmp_path: Path) -> None:
    still = video(tmp_path, colours(30))
    detect(still, tmp_path, Config(detect=DetectConfig(person=False)))
    assert rows(tmp_path) == [("v", 0.0, 3.0, "")]
    detect(still, tmp_path, Config(detect=DetectConfig(person=False, min_s=5.0)))
    assert rows(tmp_path) == []
    mixed = video(tmp_path, colours(25, 6, 25))
    detect(mixed, tmp_path, Config(detect=DetectConfig(person=False, scenes=False)))
    assert rows(tmp_path) == [("v", 0.0, 5.6, "")]


def test_only_scenes_with_a_person_are_proposed(tmp_path: Path, real_videos: Path) -> None:
    try:
        model_path(SkeletonConfig().backend)
    except UserError as error:
        pytest.skip(str(error))
    clip = real_videos / "jumping-jack" / "guilleccc_3.mp4"
    person = [frame for _, frame in itertools.islice(media.decode(clip, short_side=128), 30)]
    empty = [np.full_like(person[0], 90)] * 20
    detect(video(tmp_path, [*empty, *person, *empty]), tmp_path, Config())
    assert rows(tmp_path) == [("v", 2.0, 5.0, "")]
    nobody = detect(video(tmp_path, empty), tmp_path, Config())
    assert nobody == Failure(Reason.NO_PERSON, "nobody in any of 1 spans")
