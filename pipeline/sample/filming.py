"""Where the camera stands for a take: where the motion is seen best, or where somebody happened to put it."""

from __future__ import annotations

import numpy as np

from pipeline.sample.body import Body
from pipeline.sample.camera import Camera, frame_motion, look, roll
from pipeline.sample.kinematics import Poses
from pipeline.sample.movement import Motion

WIDTH, HEIGHT = 340, 256

_BEYOND = 35.0
"""Degrees by which a casual camera may leave the angles from which a motion is seen best."""
_STEEPEST = (-20.0, 40.0)
"""Elevation of a casual camera in degrees, whatever its height."""
_HEIGHT_STEPS = 4


def from_the_best_side(random: np.random.Generator, motion: Motion, facing: float, body: Body, poses: Poses) -> Camera:
    """A little above, with the motion in the middle of the picture, which it fills."""
    azimuth = facing + _either(random) * random.uniform(*motion.view)
    camera = look(azimuth, random.uniform(4, 18), random.uniform(330, 480), WIDTH, HEIGHT)
    return frame_motion(camera, body, poses, random.uniform(190, 230))


def casually(random: np.random.Generator, motion: Motion, facing: float, body: Body, poses: Poses) -> Camera:
    """From knee level to well above, wide to long, near to far, off centre, and not quite level."""
    low, high = motion.view
    azimuth = facing + _either(random) * random.uniform(low - _BEYOND, high + _BEYOND)
    height, fill = random.uniform(0.4, 2.4), random.uniform(0.45, 0.95)
    focal, tilt = float(np.exp(random.uniform(np.log(280), np.log(620)))), random.uniform(-4, 4)
    aside = (random.uniform(-0.8, 0.8), random.uniform(-0.8, 0.8))
    middle = poses.origin.mean(axis=(0, 1))
    elevation = 10.0
    for _ in range(_HEIGHT_STEPS):
        camera = roll(look(azimuth, elevation, focal, WIDTH, HEIGHT), tilt)
        camera = frame_motion(camera, body, poses, fill * WIDTH, fill, aside)
        away = np.linalg.norm(camera.position - middle)
        missing = np.degrees(np.arctan2(height - camera.position[1], away))
        elevation = float(np.clip(elevation + missing, *_STEEPEST))
    return camera


def _either(random: np.random.Generator) -> int:
    return 1 if random.random() < 0.5 else -1
