"""Activities that leave the floor."""

from __future__ import annotations

from pipeline.sample.motions.poses import STANDING, alternating, flat
from pipeline.sample.movement import Motion, Pose

_RUNNING: Pose = {"pelvis": 5, "neck": -4, "elbow": 94}

MOTIONS: dict[str, Motion] = {
    "jumping-jack": Motion(
        period=(1.15, 1.5),
        keys=(
            (0.0, flat(8, 16, 0, 2, shoulder=(0, 9))),
            (0.5, flat(8, 16, 0, 21, shoulder=(4, 162), elbow=14)),
        ),
        flights=((0.14, 0.34), (0.64, 0.84)),
        view=(0, 40),
    ),
    "high-knees": Motion(
        period=(0.75, 1.0),
        keys=alternating(
            (
                0.0,
                {
                    "pelvis": -3,
                    "left_hip": 98,
                    "left_knee": 108,
                    "right_hip": -2,
                    "right_knee": 4,
                    "left_shoulder": (-38, 8),
                    "right_shoulder": (42, 4),
                    "elbow": 92,
                },
            ),
        ),
        flights=((0.17, 0.33), (0.67, 0.83)),
        view=(0, 60),
    ),
    "hop-on-the-spot": Motion(
        period=(0.6, 0.8),
        keys=(
            (0.0, flat(26, 50, 8, 3, shoulder=(-18, 14), elbow=60)),
            (0.5, {"hip": (2, 3), "knee": 6, "ankle": -38, "shoulder": (14, 22), "elbow": 66}),
        ),
        flights=((0.22, 0.78),),
        **STANDING,
    ),
    "running": Motion(
        period=(0.66, 0.84),
        keys=alternating(
            (
                0.0,
                {
                    **_RUNNING,
                    "left_hip": (18, -2),
                    "left_knee": 20,
                    "left_ankle": -6,
                    "right_hip": (14, -2),
                    "right_knee": 88,
                    "right_ankle": -20,
                    "left_shoulder": (-34, 10),
                    "right_shoulder": (24, 4),
                },
            ),
            (
                0.15,
                {
                    **_RUNNING,
                    "left_hip": (19, -2),
                    "left_knee": 30,
                    "left_ankle": 16,
                    "right_hip": (36, -2),
                    "right_knee": 104,
                    "right_ankle": -6,
                    "left_shoulder": (-6, 8),
                    "right_shoulder": (-8, 8),
                },
            ),
            (
                0.33,
                {
                    **_RUNNING,
                    "chest": (3, 0, -8),
                    "left_hip": (-2, -2),
                    "left_knee": 8,
                    "left_ankle": -34,
                    "right_hip": (46, -2),
                    "right_knee": 82,
                    "right_ankle": 0,
                    "left_shoulder": (34, 4),
                    "right_shoulder": (-46, 12),
                },
            ),
        ),
        flights=((0.34, 0.5), (0.84, 1.0)),
        view=(20, 80),
    ),
}
