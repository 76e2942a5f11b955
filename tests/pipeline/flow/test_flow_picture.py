"""The colour wheel: what a person reads from it."""

from __future__ import annotations

import colorsys

import numpy as np

from pipeline.flow.picture import picture


def hue(colour: np.ndarray) -> float:
    return colorsys.rgb_to_hsv(*(colour / 255).tolist())[0] * 360


def test_still_is_white() -> None:
    assert (picture(np.zeros((3, 4, 2))) == 255).all()


def test_directions_have_their_colours() -> None:
    right, down, left, up = picture(np.array([[[5, 0], [0, 5], [-5, 0], [0, -5]]], np.float32))[0]
    assert right.tolist() == [255, 0, 0]
    assert 45 <= hue(down) <= 65  # yellow
    assert 180 <= hue(left) <= 240  # blue
    assert 250 <= hue(up) <= 290  # violet


def test_hue_goes_once_round_without_a_jump() -> None:
    turn = np.linspace(0, 2 * np.pi, 361)
    ring = picture(np.stack([np.cos(turn), np.sin(turn)], axis=-1)[None].astype(np.float32))[0].astype(int)
    assert np.abs(np.diff(ring, axis=0)).max() <= 20
    assert len(np.unique(ring, axis=0)) > 300


def test_faster_is_more_saturated_then_darker() -> None:
    slow, fast, beyond = picture(np.array([[[1, 0], [4, 0], [9, 0]]], np.float32), radius=4)[0]
    assert slow.tolist() == [255, 191, 191]
    assert fast.tolist() == [255, 0, 0]
    assert beyond.tolist() == [191, 0, 0]
