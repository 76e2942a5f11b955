"""The whole estimator on real clips, on pictures without people, and on clips with holes."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline import media
from pipeline.config import SkeletonConfig
from pipeline.errors import Failure, Reason
from pipeline.pose import codec
from pipeline.pose.codec import Skeleton
from pipeline.pose.estimate import estimator
from pipeline.records import file_sha256

pytestmark = pytest.mark.usefixtures("model")

CONFIG = SkeletonConfig()

EXERCISERS = {
    "walk/davidpagnon_1.mp4": {60: (332, 140, 386, 243), 120: (185, 133, 243, 238), 180: (36, 133, 70, 240)},
    "balance-walk/perfanalytics_2.mp4": {
        0: (37, 112, 156, 334),
        25: (37, 115, 187, 294),
        50: (41, 94, 241, 295),
        75: (63, 97, 176, 293),
        99: (49, 90, 174, 266),
    },
}
"""Boxes around the one who walks, drawn by hand at a shorter side of 256 pixels; others are in view too."""


def estimate(frames: np.ndarray) -> Skeleton:
    skeleton = estimator(CONFIG)(frames, 30.0)
    assert isinstance(skeleton, Skeleton), skeleton
    return skeleton


def read(path: Path, count: int | None = None, start: float = 0.0) -> np.ndarray:
    frames = media.decode_spans(path, [(start, float("inf"))], short_side=256)
    return np.stack([frame for _, _, frame in itertools.islice(frames, count)])


def overlap(a: np.ndarray, b: tuple[int, ...]) -> float:
    """Intersection over union of two boxes."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    inside = float(np.prod(np.maximum(sides, 0)))
    areas = np.prod(a[2:] - a[:2]) + (b[2] - b[0]) * (b[3] - b[1])
    return inside / (float(areas) - inside)


def test_a_person_who_exercises_alone_is_found(real_videos: Path) -> None:
    """Twelve frames from the middle of each clip; nearly all must show the person, in each clip most."""
    with (real_videos / "INDEX.csv").open(encoding="utf-8") as table:
        clips = [row for row in csv.DictReader(table) if row["people"] == "1"]
    shares = {}
    for clip in clips:
        frames = read(real_videos / clip["path"], count=12, start=float(clip["duration_s"]) / 3)
        shares[clip["path"]] = float(estimate(frames).found.mean())
    assert len(shares) == 20
    assert min(shares.values()) >= 0.9, shares
    assert np.mean(list(shares.values())) >= 0.98


@pytest.mark.parametrize("clip", EXERCISERS)
def test_the_right_one_of_several_people_is_chosen(real_videos: Path, clip: str) -> None:
    skeleton = estimate(read(real_videos / clip))
    assert skeleton.people >= 2
    for frame, box in EXERCISERS[clip].items():
        assert skeleton.found[frame]
        assert overlap(skeleton.boxes[frame], box) > 0.5, frame


def shapes(random: np.random.Generator) -> np.ndarray:
    """Coloured ellipses and boxes on a plain ground, blurred like a picture out of focus."""
    picture = np.full((256, 340, 3), random.integers(0, 256, 3), np.uint8)
    for _ in range(12):
        centre, axes = random.integers(0, 256, 2).tolist(), random.integers(5, 60, 2).tolist()
        colour = random.integers(0, 256, 3).tolist()
        cv2.ellipse(picture, centre, axes, float(random.integers(0, 180)), 0, 360, colour, -1)
        cv2.rectangle(picture, random.integers(0, 256, 2).tolist(), centre, colour[::-1], -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


def clouds(random: np.random.Generator) -> np.ndarray:
    field = cv2.GaussianBlur(random.normal(size=(256, 340, 3)).astype(np.float32), (0, 0), 10)
    return np.uint8(255 * (field - field.min()) / np.ptp(field))


EMPTY = {
    "black": lambda random: np.zeros((256, 340, 3), np.uint8),
    "white": lambda random: np.full((256, 340, 3), 255, np.uint8),
    "noise": lambda random: random.integers(0, 256, (256, 340, 3), np.uint8),
    "clouds": clouds,
    "shapes": shapes,
}


@pytest.mark.parametrize("kind", EMPTY)
def test_pictures_without_people_are_no_person(kind: str) -> None:
    random = np.random.default_rng(0)
    frames = np.stack([EMPTY[kind](random) for _ in range(10)])
    assert estimator(CONFIG)(frames, 30.0) == Failure(Reason.NO_PERSON, "found in 0 of 10 frames")


@pytest.mark.parametrize("clip", ["basketball/tomnotchymk_1.mp4", "walk/davidpagnon_1.mp4"])
def test_a_real_place_that_people_have_left_is_no_person(real_videos: Path, clip: str) -> None:
    """The median over time of a clip whose people move about is its empty gym or garden."""
    frames = (frame for _, frame in media.decode(real_videos / clip, short_side=256))
    empty = np.median(np.stack(list(itertools.islice(frames, 0, None, 12))), axis=0).astype(np.uint8)
    failure = estimator(CONFIG)(np.stack([empty] * 4), 30.0)
    assert failure == Failure(Reason.NO_PERSON, "found in 0 of 4 frames")


def test_short_holes_are_filled_and_marked_long_ones_are_not(jumping: np.ndarray) -> None:
    holes = jumping.copy()
    holes[3:6] = 0
    holes[10 : 10 + CONFIG.max_gap + 1] = 0
    whole, skeleton = estimate(jumping), estimate(holes)
    assert np.flatnonzero(skeleton.interpolated).tolist() == [3, 4, 5]
    assert np.flatnonzero(~skeleton.found).tolist() == [3, 4, 5, *range(10, 11 + CONFIG.max_gap)]
    middle = (whole.joints[2] + whole.joints[6]) / 2
    np.testing.assert_allclose(skeleton.joints[4], middle, atol=1e-3)
    assert not skeleton.joints[10 : 11 + CONFIG.max_gap].any()
    np.testing.assert_array_equal(skeleton.joints[skeleton.found], whole.joints[skeleton.found])


def test_someone_in_too_few_frames_is_no_person(jumping: np.ndarray) -> None:
    frames = np.zeros_like(jumping[:20])
    frames[:4] = jumping[:4]
    assert estimator(CONFIG)(frames, 30.0) == Failure(Reason.NO_PERSON, "found in 4 of 20 frames")
    frames[:5] = jumping[:5]
    assert estimate(frames).found.sum() == 5


def test_the_payload_has_a_row_a_frame_and_names_its_model(jumping: np.ndarray, model: Path) -> None:
    skeleton = codec.decode(codec.encode(estimate(jumping[:5])))
    assert skeleton.joints.shape == (5, 17, 3) and skeleton.boxes.shape == (5, 4)
    assert (skeleton.layout, skeleton.backend, skeleton.people) == ("coco-17", "movenet", 1)
    assert skeleton.weights == file_sha256(model)
    assert skeleton.joints[..., 2].min() >= 0 and skeleton.joints[..., 2].max() <= 1


def test_a_clip_gives_the_same_bytes_again_and_after_another(jumping: np.ndarray) -> None:
    first = codec.encode(estimate(jumping[:4]))
    estimate(np.ascontiguousarray(jumping[:2, :, 40:240]))
    assert codec.encode(estimate(jumping[:4])) == first
