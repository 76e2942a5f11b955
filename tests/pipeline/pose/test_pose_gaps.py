"""Short gaps are filled on a straight line and marked, long ones stay zero; numbers worked out by hand."""

from __future__ import annotations

import numpy as np

from pipeline.pose.gaps import as_arrays, interpolate, smooth
from pipeline.pose.people import Person


def test_a_short_gap_lies_on_the_line_between_its_ends() -> None:
    values = np.array([[10, 100], [0, 0], [0, 0], [0, 0], [30, 60]], np.float32)
    filled, marked = interpolate(values, np.array([True, False, False, False, True]), max_gap=3)
    np.testing.assert_allclose(filled, [[10, 100], [15, 90], [20, 80], [25, 70], [30, 60]])
    assert marked.tolist() == [False, True, True, True, False]
    assert values[1:4].sum() == 0


def test_a_gap_of_one_frame_more_is_left_alone() -> None:
    values = np.array([[10], [0], [0], [0], [30]], np.float32)
    filled, marked = interpolate(values, np.array([True, False, False, False, True]), max_gap=2)
    np.testing.assert_array_equal(filled, values)
    assert not marked.any()


def test_nothing_is_made_up_before_the_first_and_after_the_last() -> None:
    values = np.array([[0], [4], [0], [8], [0]], np.float32)
    filled, marked = interpolate(values, np.array([False, True, False, True, False]), max_gap=8)
    np.testing.assert_array_equal(filled[:, 0], [0, 4, 6, 8, 0])
    assert marked.tolist() == [False, False, True, False, False]


def test_each_gap_is_judged_by_itself() -> None:
    found = np.array([1, 0, 1, 0, 0, 1, 0, 1], bool)
    _, marked = interpolate(found[:, None].astype(np.float32), found, max_gap=1)
    assert np.flatnonzero(marked).tolist() == [1, 6]


def test_no_gap_is_filled_when_none_may_be() -> None:
    found = np.array([True, False, True])
    assert not interpolate(np.ones((3, 1), np.float32), found, max_gap=0)[1].any()


def test_a_track_becomes_one_row_a_frame() -> None:
    joints, box = np.full((17, 3), 2.0), np.array([1.0, 2, 3, 4])
    places, boxes, found = as_arrays({1: Person(joints, box)}, frames=3, joints=17)
    assert places.shape == (3, 17, 3) and places.dtype == boxes.dtype == np.float32
    assert found.tolist() == [False, True, False]
    assert places[1].tolist() == joints.tolist() and boxes[1].tolist() == box.tolist()
    assert not places[[0, 2]].any() and not boxes[[0, 2]].any()


def test_smoothing_keeps_a_still_person_and_does_not_cross_a_gap() -> None:
    joints = np.ones((6, 1, 3), np.float32)
    joints[:3, 0, 0], joints[4:, 0, 0] = 10, 50
    here = np.array([1, 1, 1, 0, 1, 1], bool)
    smoothed = smooth(joints, here, 2.0)
    np.testing.assert_allclose(smoothed[:, 0, 0], [10, 10, 10, 1, 50, 50], rtol=1e-6)


def test_smoothing_takes_noise_away_but_not_the_way() -> None:
    noise = np.random.default_rng(0).normal(size=100)
    joints = np.zeros((100, 1, 3), np.float32)
    joints[:, 0, 0], joints[:, 0, 2] = np.arange(100) + noise, 0.8
    smoothed = smooth(joints, np.ones(100, bool), 1.5)[:, 0, 0]
    assert np.std(smoothed[5:-5] - np.arange(5, 95)) < 0.6 * noise.std()
