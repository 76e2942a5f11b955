"""A pinhole camera, and finding where it has to stand to have a whole motion in its picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.sample.body import Body
from pipeline.sample.kinematics import Poses, rotation_about

MARGIN = 0.93
"""Share of the picture's width and height that a motion may fill."""

_FITTING_STEPS = 8


@dataclass(frozen=True)
class Camera:
    """Where the camera is (metres), how it is turned, and its picture.

    The rows of `axes` [3, 3] are its right, down and forward directions in the world; `focal` is in pixels.
    """

    position: np.ndarray
    axes: np.ndarray
    focal: float
    width: int
    height: int

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points [..., 3] → x, y in pixels (pixel centres at half integers) and depth in metres [..., 3]."""
        right, down, depth = np.moveaxis((points - self.position) @ self.axes.T, -1, 0)
        x = self.focal * right / depth + self.width / 2
        y = self.focal * down / depth + self.height / 2
        return np.stack([x, y, depth], axis=-1)

    def rays(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Right and down components of the rays through pixel positions, for a forward component of 1."""
        return (x - self.width / 2) / self.focal, (y - self.height / 2) / self.focal


def look(azimuth: float, elevation: float, focal: float, width: int, height: int) -> Camera:
    """A camera 4 m from the origin that looks at it, from degrees around the vertical (0: from z) and upwards."""
    around, up = np.radians(azimuth), np.radians(elevation)
    back = np.array([np.sin(around) * np.cos(up), np.sin(up), np.cos(around) * np.cos(up)])
    right = np.array([np.cos(around), 0.0, -np.sin(around)])
    axes = np.stack([right, np.cross(-back, right), -back])
    return Camera(4.0 * back, axes, focal, width, height)


def roll(camera: Camera, degrees: float) -> Camera:
    """Turns the camera clockwise about the direction it looks in."""
    return replace(camera, axes=rotation_about("z", np.radians(degrees)).T @ camera.axes)


def frame_motion(
    camera: Camera,
    body: Body,
    poses: Poses,
    tallest: float,
    fill: float = MARGIN,
    aside: tuple[float, float] = (0.0, 0.0),
) -> Camera:
    """Moves the camera along its axes until the motion is in place and fills a share `fill` of the picture.

    It stays so far away that the standing person would be at most `tallest` pixels high. The motion's place is the
    middle, moved right and down by `aside`, in shares of the free space there (-1 to 1).
    """
    ends = poses.points(np.repeat(body.frame, 2), body.ends.reshape(-1, 3))
    radius = (body.radius * body.stretch.max(axis=1, keepdims=True)).reshape(-1)
    for _ in range(_FITTING_STEPS):
        x, y, depth = np.moveaxis(camera.project(ends), -1, 0)
        margin = camera.focal * radius / depth
        low = np.array([(x - margin).min(), (y - margin).min()])
        high = np.array([(x + margin).max(), (y + margin).max()])
        size = np.array([camera.width, camera.height])
        centre = (low + high - size) / 2 - np.array(aside) * np.maximum(size - (high - low), 0) / 2
        excess = max((high - low) / (fill * size))
        middle = float(depth.mean())
        excess = max(excess, camera.focal * body.build.height / middle / tallest)
        step = np.array([*(centre * middle / camera.focal), middle * (1 - excess)])
        camera = replace(camera, position=camera.position + step @ camera.axes)
    return camera
