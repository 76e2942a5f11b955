"""A skeleton drawn over its frame, for people to look at."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.pose.layouts import Layout

Colour = tuple[int, int, int]

LEFT = (255, 138, 61)
RIGHT = (64, 190, 255)
MIDDLE = (255, 255, 255)
OUTLINE = (24, 24, 32)
BONE = (150, 156, 166)

_FRACTION_BITS = 4


def draw(frame: np.ndarray, joints: np.ndarray, layout: Layout, min_score: float = 0.2) -> np.ndarray:
    """A copy of the frame [H, W, 3] RGB with the skeleton [V, 3] on it: the person's left orange, right blue.

    Joints that score below `min_score` are left out, with the bones that end there.
    """
    picture = frame.copy()
    shown = joints[:, 2] >= min_score
    sides = [_colour(name) for name in layout.joints]
    width = _bones(picture, joints, layout, shown, sides)
    for joint in np.flatnonzero(shown):
        _disc(picture, joints[joint], OUTLINE, width / 2 + 2)
        _disc(picture, joints[joint], sides[joint], width / 2 + 1)
    return picture


def draw_heat(
    frame: np.ndarray, joints: np.ndarray, layout: Layout, heat: np.ndarray, colours: np.ndarray, min_score: float = 0.2
) -> np.ndarray:
    """As `draw`, with grey bones and joints as large as `heat` [V] in 0..1 says, in `colours` [V, 3]; hot on top."""
    picture = frame.copy()
    shown = joints[:, 2] >= min_score
    width = _bones(picture, joints, layout, shown, [BONE] * len(joints))
    for joint in np.argsort(heat):
        if shown[joint]:
            radius = width * (1 + 2.5 * float(heat[joint]))
            red, green, blue = colours[joint].tolist()
            _disc(picture, joints[joint], OUTLINE, radius + 1)
            _disc(picture, joints[joint], (red, green, blue), radius)
    return picture


def _bones(picture: np.ndarray, joints: np.ndarray, layout: Layout, shown: np.ndarray, colours: list[Colour]) -> int:
    """Draws the bones between joints that are shown, each in its child's colour; returns their width in pixels."""
    bones = [
        (joints[child], joints[parent], colours[child])
        for child, parent in layout.edges
        if shown[child] and shown[parent]
    ]
    width = max(1, round(min(picture.shape[:2]) / 128))
    for start, end, _ in bones:
        _line(picture, start, end, OUTLINE, width + 2)
    for start, end, colour in bones:
        _line(picture, start, end, colour, width)
    return width


def _colour(joint: str) -> Colour:
    if joint.startswith("left"):
        return LEFT
    return RIGHT if joint.startswith("right") else MIDDLE


def _line(picture: np.ndarray, start: np.ndarray, end: np.ndarray, colour: Colour, width: int) -> None:
    cv2.line(picture, _fixed(start), _fixed(end), colour, width, cv2.LINE_AA, _FRACTION_BITS)


def _disc(picture: np.ndarray, centre: np.ndarray, colour: Colour, radius: float) -> None:
    fixed = round(radius * 2**_FRACTION_BITS)
    cv2.circle(picture, _fixed(centre), fixed, colour, cv2.FILLED, cv2.LINE_AA, _FRACTION_BITS)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """Fixed-point coordinates of OpenCV, which counts from the centre of the first pixel."""
    x, y = np.round((point[:2] - 0.5) * 2**_FRACTION_BITS).astype(int)
    return int(x), int(y)
