"""The harder sample: looks tied to known activities that mislead on new ones, cameras anywhere, truth still exact."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from annotations import splits
from annotations.tables import read_tables
from pipeline import media
from pipeline.demo import WILD_WORKOUTS
from pipeline.sample.body import make_body
from pipeline.sample.channels import EXERCISES, plan
from pipeline.sample.filming import HEIGHT, WIDTH, casually
from pipeline.sample.motions import MOTIONS
from pipeline.sample.movement import play
from pipeline.sample.truth import Truth, read_truth
from pipeline.sample.workouts import Take, Workout, render_workout

ACTIVITIES = read_tables().activities
FILMED = ("squat", "push-up", "jumping-jack", "crunch")


def look(video: Workout) -> object:
    """What stays the same in all of a channel's videos: the things on its walls."""
    assert video.setting is not None
    return video.setting.room.decor


def of_new(video: Workout) -> bool:
    return ACTIVITIES[video.takes[0].activity].new


def split(video: Workout) -> str:
    return splits.assign("video-disjoint", 0, video.id, video.id, of_new(video), not of_new(video))


def how_much_the_look_tells(videos: Iterable[Workout]) -> float:
    """How many times likelier two videos' exercises are the same if the videos look the same."""
    pairs: dict[bool, Counter[bool]] = defaultdict(Counter)
    for first, second in itertools.combinations(videos, 2):
        for one, other in itertools.product(first.takes, second.takes):
            pairs[look(first) == look(second)][one.activity == other.activity] += 1
    alike, different = (pairs[same][True] / pairs[same].total() for same in (True, False))
    return alike / different


def test_the_look_tells_known_activities_and_nothing_of_new_ones() -> None:
    videos = plan(0, 600)
    assert how_much_the_look_tells(video for video in videos if not of_new(video)) > 2.5
    assert 0.8 < how_much_the_look_tells(video for video in videos if of_new(video)) < 1.25
    assert {look(video) for video in videos if of_new(video)} == {look(video) for video in videos if not of_new(video)}


def test_every_activity_and_channel_is_trained_on_and_evaluated() -> None:
    videos = plan(0, WILD_WORKOUTS)
    sources = Counter(split(video) for video in videos)
    assert all(sources[name] >= 20 for name in splits.SPLITS)
    clips = Counter((split(video), take.activity) for video in videos for take in video.takes)
    for name in MOTIONS:
        counts = {side: clips[side, name] for side in splits.SPLITS}
        if ACTIVITIES[name].new:
            assert min(counts["new-val"], counts["new-test"]) >= 3, name
        else:
            assert counts["train"] >= 5 and counts["known-val"] + counts["known-test"] >= 2, name
    looks = {
        side: {look(video) for video in videos if split(video).endswith(side)} for side in ("train", "val", "test")
    }
    assert looks["train"] == looks["val"] | looks["test"]


def test_a_seed_says_everything() -> None:
    assert plan(0, 5) == plan(0, 9)[:5] != plan(1, 5)
    for video in plan(0, 9):
        assert len({take.activity for take in video.takes}) == EXERCISES
        assert len({ACTIVITIES[take.activity].new for take in video.takes}) == 1


def test_one_look_differs_a_little_from_day_to_day() -> None:
    by_look = defaultdict(list)
    for video in plan(0, 60):
        by_look[look(video)].append(video.setting)
    for settings in by_look.values():
        assert len({setting.outfit.top_colour for setting in settings if setting}) == len(settings)
        assert len({setting.outfit.top for setting in settings if setting}) == 1
        assert len({setting.exposure for setting in settings if setting}) == len(settings)


@pytest.mark.parametrize("activity", ["jumping-jack", "push-up"])
def test_cameras_are_anywhere_and_have_the_person_in_the_picture(activity: str) -> None:
    random = np.random.default_rng(0)
    body, motion = make_body(plan(0, 1)[0].setting.build), MOTIONS[activity]  # type: ignore[union-attr]
    poses = play(body, motion, np.arange(20) / 20, motion.period[0])
    heights, shares, places, rolls = [], [], [], []
    for _ in range(60):
        camera = casually(random, motion, 0.0, body, poses)
        joints = camera.project(poses.points(body.landmark_frames, body.landmarks))[..., :2].reshape(-1, 2)
        assert (joints > 0).all() and (joints < (WIDTH, HEIGHT)).all()
        low, high = joints.min(axis=0), joints.max(axis=0)
        shares.append(((high - low) / (WIDTH, HEIGHT)).max())
        places.append((low + high) / 2 / (WIDTH, HEIGHT))
        heights.append(camera.position[1])
        rolls.append(np.degrees(np.arcsin(camera.axes[0, 1])))
    assert 0.2 < min(heights) < 0.8 and 1.7 < max(heights) < 2.5
    assert min(shares) < 0.5 and max(shares) > 0.8
    assert (np.ptp(places, axis=0) > 0.2).all()
    assert min(rolls) < -2 and max(rolls) > 2


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workout, Path]:
    """A short video of the harder sample."""
    video = replace(plan(0, 1)[0], takes=tuple(Take(activity, 0.2) for activity in FILMED))
    folder = tmp_path_factory.mktemp("channel")
    render_workout(video, folder)
    return video, folder


def test_the_same_video_has_the_same_bytes(filmed: tuple[Workout, Path], tmp_path: Path) -> None:
    video, folder = filmed
    render_workout(video, tmp_path)
    for name in (f"videos/{video.id}.mp4", f"truth/{video.id}.npz"):
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes()


def test_the_truth_is_exact_from_any_camera(filmed: tuple[Workout, Path]) -> None:
    """Judged by the pictures alone: along the flow they agree, and without it they do not."""
    video, folder = filmed
    frames = np.stack([frame for _, frame in media.decode(folder / "videos" / f"{video.id}.mp4")]).astype(np.float32)
    truth: Truth = read_truth(folder / "truth" / f"{video.id}.npz")
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    along, without = [], []
    for frame in sorted(set(range(len(frames))) - {*truth.cuts.tolist()}):
        flow = truth.dense_flow(frame)
        moving = cv2.erode((np.linalg.norm(flow, axis=-1) > 2).astype(np.uint8), np.ones((5, 5))) > 0
        there = cv2.remap(frames[frame + 1], x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
        along.append(np.abs(there - frames[frame])[moving].ravel())
        without.append(np.abs(frames[frame + 1] - frames[frame])[moving].ravel())
    assert np.median(np.concatenate(along)) < 0.5 * np.median(np.concatenate(without))
    assert np.median(np.concatenate(along)) < 3
