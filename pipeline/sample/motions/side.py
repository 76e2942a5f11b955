"""Activities on one side, propped on an arm or lying: the pelvis's abduction of 90 lays the body on its right."""

from __future__ import annotations

from pipeline.sample.movement import Motion, Pose

_STRAIGHT_ARM: Pose = {
    "pelvis": (0, 63),
    "right_shoulder": (0, 63),
    "right_elbow": 3,
    "right_wrist": (0, 88),
    "hip": (0, -3),
    "ankle": 0,
    "left_shoulder": (0, 112),
    "left_elbow": 4,
    "left_wrist": 0,
}
_THREADED: Pose = {
    **_STRAIGHT_ARM,
    "pelvis": (0, 66, -12),
    "waist": (0, 0, -26),
    "chest": (0, 0, -34),
    "right_shoulder": (64, 24),
    "left_shoulder": (62, -34),
    "left_elbow": 24,
    "neck": (10, 0, -10),
}
_FOREARM: Pose = {
    "pelvis": (0, 74),
    "right_shoulder": (0, 74),
    "right_elbow": 90,
    "right_wrist": 0,
    "left_shoulder": (0, 6),
    "left_elbow": 8,
    "left_wrist": 0,
    "hip": (0, -3),
    "ankle": 0,
}
_ON_THE_SIDE: Pose = {
    "pelvis": (0, 84),
    "right_shoulder": (10, 168),
    "right_elbow": 30,
    "right_wrist": 0,
    "neck": (0, 20),
    "left_shoulder": (46, 4),
    "left_elbow": 82,
    "left_wrist": 20,
    "left_hip": (0, -5),
    "right_hip": (0, 3),
    "ankle": -20,
}
_BENT_LEGS: Pose = {**_ON_THE_SIDE, "left_hip": (48, -8), "right_hip": (48, 2), "knee": 88, "ankle": 0}
_STACKED = (("right_wrist", "right_elbow"), ("right_ankle",))

MOTIONS: dict[str, Motion] = {
    "side-plank": Motion(
        period=(2.2, 3.2),
        keys=((0.0, _FOREARM), (0.5, {**_FOREARM, "hip": (0, -1), "waist": (0, -4), "left_elbow": 14})),
        anchor=("right_elbow",),
        level=_STACKED,
        view=(0, 40),
    ),
    "side-plank-hip-dip": Motion(
        period=(1.5, 2.1),
        keys=(
            (0.0, {**_FOREARM, "waist": (0, 16), "chest": (0, 6), "right_shoulder": (0, 86)}),
            (0.5, {**_FOREARM, "pelvis": (0, 88), "waist": (0, -20), "chest": (0, -8), "right_shoulder": (0, 64)}),
        ),
        anchor=("right_elbow",),
        level=_STACKED,
        view=(0, 40),
    ),
    "side-plank-rotation": Motion(
        period=(2.2, 3.0),
        keys=((0.0, _STRAIGHT_ARM), (0.12, _STRAIGHT_ARM), (0.5, _THREADED), (0.6, _THREADED)),
        anchor=("right_ankle",),
        level=(("right_wrist",), ("right_ankle",)),
        planted=("right_wrist", "ankle"),
        view=(0, 40),
    ),
    "clamshell": Motion(
        period=(1.3, 1.9),
        keys=((0.0, _BENT_LEGS), (0.5, {**_BENT_LEGS, "left_hip": (48, 44, 34)})),
        planted=("ankle",),
        view=(0, 35),
    ),
    "side-leg-raise": Motion(
        period=(1.4, 2.0),
        keys=((0.0, _ON_THE_SIDE), (0.5, {**_ON_THE_SIDE, "left_hip": (0, 46)})),
        view=(0, 35),
    ),
    "inner-thigh-lift": Motion(
        period=(1.3, 1.8),
        keys=(
            (0.0, {**_ON_THE_SIDE, "left_hip": (60, -22), "left_knee": 84, "left_ankle": 0}),
            (
                0.5,
                {**_ON_THE_SIDE, "left_hip": (60, -22), "left_knee": 84, "left_ankle": 0, "right_hip": (0, -24)},
            ),
        ),
        view=(0, 35),
    ),
}
