"""Coordinates: what lies at a place of the frame comes back at that place, through scaling and padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.pose.movenet import Letterbox, MoveNet

SIZES = [(342, 256), (340, 256), (256, 452), (1280, 720), (120, 90), (256, 256), (900, 100), (2, 2)]


@pytest.mark.parametrize("width, height", SIZES)
@pytest.mark.parametrize("longer_side", [256, 320])
def test_the_canvas_suits_the_network_and_keeps_the_aspect(width: int, height: int, longer_side: int) -> None:
    box = Letterbox.fit(width, height, longer_side)
    assert box.canvas[0] % 32 == box.canvas[1] % 32 == 0
    assert max(box.canvas) == longer_side
    scale = min(np.divide(box.canvas, (width, height)))
    assert np.allclose(box.picture, np.multiply((width, height), scale), rtol=0, atol=0.5)
    assert min(box.corner) >= 0 and all(np.add(box.corner, box.picture) <= box.canvas)


@pytest.mark.parametrize("width, height", SIZES[:5])
def test_a_white_square_is_found_where_it_was_put(width: int, height: int) -> None:
    frame = np.zeros((height, width, 3), np.uint8)
    x, y, side = width // 4, height // 3, height // 6
    frame[y : y + side, x : x + side] = 255
    box = Letterbox.fit(width, height, 256)
    canvas = box.put(frame)[..., 0].astype(float)
    assert canvas.shape == (box.canvas[1], box.canvas[0])
    rows, columns = np.indices(canvas.shape)
    centre = np.array([((columns + 0.5) * canvas).sum(), ((rows + 0.5) * canvas).sum()]) / canvas.sum()
    found = box.back(centre / box.canvas, width, height)
    np.testing.assert_allclose(found, [x + side / 2, y + side / 2], atol=0.1)


def test_joints_move_with_the_picture(model: Path, jumping: np.ndarray) -> None:
    """The frame on a larger grey one, 40 pixels right and 24 down: every sure joint moves by just that."""
    frame = jumping[0]
    height, width = frame.shape[:2]
    larger = np.full((height + 64, width + 64, 3), 128, np.uint8)
    larger[24 : 24 + height, 40 : 40 + width] = frame
    detect = MoveNet(model, 256)
    (here,), (there,) = detect(frame), detect(larger)
    sure = (here.joints[:, 2] > 0.5) & (there.joints[:, 2] > 0.5)
    moved = there.joints[sure, :2] - here.joints[sure, :2]
    assert sure.sum() >= 12
    np.testing.assert_allclose(np.median(moved, axis=0), [40, 24], atol=1.5)
    np.testing.assert_allclose(moved, np.tile([40, 24], (len(moved), 1)), atol=8)
    np.testing.assert_allclose(there.box - here.box, [40, 24, 40, 24], atol=12)


def test_left_and_right_are_the_persons_own(model: Path, jumping: np.ndarray) -> None:
    """She faces the camera: her left is on the right of the picture, and the reverse in a mirror."""
    detect = MoveNet(model, 256)
    (seen,) = detect(jumping[0])
    for left, right in [(5, 6), (11, 12), (15, 16)]:
        assert seen.joints[left, 0] > seen.joints[right, 0] + 10
    assert seen.joints[5, 1] < seen.joints[11, 1] < seen.joints[15, 1]


def test_frames_of_other_sizes_in_between_change_nothing(model: Path, jumping: np.ndarray) -> None:
    detect = MoveNet(model, 256)
    (before,) = detect(jumping[0])
    detect(np.zeros((400, 200, 3), np.uint8))
    (after,) = detect(jumping[0])
    np.testing.assert_array_equal(before.joints, after.joints)
    np.testing.assert_array_equal(before.box, after.box)
