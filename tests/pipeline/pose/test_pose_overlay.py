"""The drawn skeleton: colours by side, joints by score, the frame itself untouched."""

from __future__ import annotations

import numpy as np

from pipeline.pose.layouts import COCO_17
from pipeline.pose.overlay import LEFT, RIGHT, draw

GREY = np.full((200, 300, 3), 90, np.uint8)
LEFT_WRIST, RIGHT_WRIST = COCO_17.joints.index("left_wrist"), COCO_17.joints.index("right_wrist")


def skeleton() -> np.ndarray:
    """A plausible person, all joints well apart."""
    joints = np.zeros((17, 3), np.float32)
    joints[:, 0] = 40 + 12 * np.arange(17)
    joints[:, 1] = 20 + 9 * np.arange(17)
    joints[:, 2] = 0.9
    return joints


def at(picture: np.ndarray, joint: np.ndarray) -> tuple[int, ...]:
    return tuple(picture[int(joint[1]), int(joint[0])].tolist())


def test_left_and_right_have_their_colours() -> None:
    joints = skeleton()
    picture = draw(GREY, joints, COCO_17)
    assert at(picture, joints[LEFT_WRIST]) == LEFT
    assert at(picture, joints[RIGHT_WRIST]) == RIGHT


def test_the_frame_given_is_not_drawn_on() -> None:
    frame = GREY.copy()
    picture = draw(frame, skeleton(), COCO_17)
    np.testing.assert_array_equal(frame, GREY)
    assert picture.shape == frame.shape and picture.dtype == np.uint8 and (picture != frame).any()


def test_uncertain_joints_are_left_out() -> None:
    joints = skeleton()
    joints[:, 2] = 0.1
    np.testing.assert_array_equal(draw(GREY, joints, COCO_17, min_score=0.2), GREY)
    joints[LEFT_WRIST, 2] = 0.5
    changed = (draw(GREY, joints, COCO_17, min_score=0.2) != GREY).any(2)
    ys, xs = np.nonzero(changed)
    assert np.hypot(xs + 0.5 - joints[LEFT_WRIST, 0], ys + 0.5 - joints[LEFT_WRIST, 1]).max() < 8


def test_joints_outside_the_frame_are_no_trouble() -> None:
    joints = skeleton()
    joints[:, :2] = joints[:, :2] * 40 - 3000
    assert draw(GREY, joints, COCO_17).shape == GREY.shape
