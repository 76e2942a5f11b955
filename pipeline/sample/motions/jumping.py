"""Activities that leave the floor."""

from __future__ import annotations

from pipeline.sample.motions.poses import HANDS_CLASPED, STANDING, alternating, flat, mirrored, on_flat_soles
from pipeline.sample.movement import Motion, Pose

_TAKING_OFF: Pose = {"hip": (0, 6), "knee": 4, "ankle": -36, "shoulder": (-28, 12), "elbow": 10}
_SPLIT: Pose = {
    "pelvis": 4,
    "left_hip": 84,
    "left_knee": 84,
    "left_ankle": 4,
    "right_hip": -14,
    "right_knee": 78,
    "right_ankle": 26,
    "left_shoulder": (-28, 10),
    "right_shoulder": (34, 6),
    "elbow": 88,
}
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
    "butt-kick": Motion(
        period=(0.7, 0.95),
        keys=alternating(
            (
                0.0,
                {
                    **_RUNNING,
                    "left_hip": 2,
                    "left_knee": 126,
                    "left_ankle": -24,
                    "right_hip": 8,
                    "right_knee": 12,
                    "right_ankle": 8,
                    "left_shoulder": (-20, 12),
                    "right_shoulder": (14, 10),
                },
            ),
            (
                0.18,
                {
                    **_RUNNING,
                    "left_hip": 4,
                    "left_knee": 88,
                    "left_ankle": -28,
                    "right_hip": 2,
                    "right_knee": 4,
                    "right_ankle": -32,
                },
            ),
            (
                0.32,
                {
                    **_RUNNING,
                    "left_hip": 8,
                    "left_knee": 16,
                    "left_ankle": -6,
                    "right_hip": 2,
                    "right_knee": 62,
                    "right_ankle": -30,
                },
            ),
        ),
        flights=((0.18, 0.32), (0.68, 0.82)),
        view=(40, 95),
    ),
    "jump-squat": Motion(
        period=(1.5, 1.9),
        keys=(
            (0.0, flat(104, 98, 36, 12, shoulder=(56, 8), elbow=88, neck=-22)),
            (0.32, _TAKING_OFF),
            (0.5, {**_TAKING_OFF, "ankle": -44}),
            (0.66, flat(26, 40, 6, 10, shoulder=(-10, 14), elbow=24)),
        ),
        anchor=("ankle",),
        flights=((0.35, 0.62),),
        view=(15, 75),
    ),
    "star-jump": Motion(
        period=(1.4, 1.7),
        keys=(
            (0.0, flat(70, 82, 30, 7, shoulder=(26, 4), elbow=24, neck=-18)),
            (0.33, {"hip": (0, 8), "knee": 4, "ankle": -36, "shoulder": (0, 70), "elbow": 6}),
            (0.5, {"hip": (-2, 34), "knee": 2, "ankle": -34, "shoulder": (0, 136), "elbow": 2, "wrist": 0}),
            (0.68, flat(24, 40, 8, 8, shoulder=(10, 66), elbow=10)),
        ),
        anchor=("ankle",),
        flights=((0.34, 0.66),),
        view=(0, 40),
    ),
    "squat-jack": Motion(
        period=(1.3, 1.7),
        keys=(
            (0.0, on_flat_soles({**HANDS_CLASPED, "pelvis": 8, "hip": (24, 2), "knee": 34})),
            (0.5, on_flat_soles({**HANDS_CLASPED, "pelvis": 30, "neck": -20, "hip": (92, 34), "knee": 84})),
        ),
        anchor=("ankle",),
        flights=((0.14, 0.34), (0.66, 0.86)),
        view=(0, 50),
    ),
    "seal-jack": Motion(
        period=(1.15, 1.5),
        keys=(
            (0.0, flat(8, 16, 0, 2, shoulder=(88, -4), elbow=4, wrist=0)),
            (0.5, flat(8, 16, 0, 21, shoulder=(88, 84), elbow=4, wrist=0)),
        ),
        flights=((0.14, 0.34), (0.64, 0.84)),
        view=(0, 45),
    ),
    "jumping-lunge": Motion(
        period=(1.6, 2.1),
        keys=alternating(
            (0.0, _SPLIT),
            (0.05, _SPLIT),
            (0.25, {"hip": (4, 2), "knee": 10, "ankle": -30, "shoulder": (0, 10), "elbow": 88}),
            (0.45, mirrored(_SPLIT)),
        ),
        flights=((0.15, 0.35), (0.65, 0.85)),
        view=(40, 90),
    ),
}
