"""BlazePose on real frames: it agrees with MoveNet, and sees nobody where there is nobody."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import SkeletonConfig
from pipeline.errors import Failure, Reason, UserError
from pipeline.pose.codec import Skeleton
from pipeline.pose.estimate import estimator
from pipeline.pose.layouts import BLAZEPOSE_33, COCO_17, between


@pytest.fixture
def config() -> SkeletonConfig:
    config = SkeletonConfig(backend="blazepose")
    try:
        estimator(config)
    except UserError as error:
        pytest.skip(str(error))
    return config


def test_both_offline_backends_see_the_same_joints(config: SkeletonConfig, jumping: np.ndarray) -> None:
    frames = jumping[:10]
    ours, other = estimator(config)(frames, 30.0), estimator(SkeletonConfig())(frames, 30.0)
    assert isinstance(ours, Skeleton) and isinstance(other, Skeleton)
    assert ours.found.all() and ours.joints.shape == (10, 33, 3)
    distance = np.linalg.norm(ours.joints[:, between(BLAZEPOSE_33, COCO_17), :2] - other.joints[..., :2], axis=-1)
    height = np.ptp(other.boxes[:, [1, 3]], axis=1).mean()
    assert np.median(distance) < 0.03 * height


def test_pictures_without_people_are_no_person(config: SkeletonConfig) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 256, 340, 3), np.uint8)
    assert estimator(config)(frames, 30.0) == Failure(Reason.NO_PERSON, "found in 0 of 4 frames")
