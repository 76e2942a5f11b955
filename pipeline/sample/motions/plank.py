"""Activities on hands or forearms and feet, the face down."""

from __future__ import annotations

from typing import Any

from pipeline.sample.motions.poses import FROM_THE_SIDE, HIGH_PLANK, alternating, mirrored
from pipeline.sample.movement import Motion, Pose

_ON_HANDS_AND_FEET: dict[str, Any] = {
    "anchor": ("ankle",),
    "level": (("wrist",), ("ankle",)),
    "planted": ("wrist", "ankle"),
}
_FOREARM_PLANK: Pose = {"pelvis": 81, "shoulder": (80, 3), "elbow": 92, "wrist": 0, "ankle": 8, "neck": -10}
_WIDE_PLANK: Pose = {**HIGH_PLANK, "hip": (0, 11)}
_LEFT_HAND_UP: Pose = {"left_shoulder": (46, -24, -60), "left_elbow": 128, "left_wrist": 0}
_KNEE_OUT: Pose = {**HIGH_PLANK, "left_hip": (60, 50, -20), "left_knee": 90, "left_ankle": 0}
_KNEE_UNDER: Pose = {**HIGH_PLANK, "hip": 4, "left_hip": (76, -6), "left_knee": 122, "left_ankle": -45}
_STEPPING: dict[str, Any] = {
    "anchor": ("wrist",),
    "level": (("wrist",), ("ankle",)),
    "planted": ("wrist", "ankle"),
    "steps": (("left_ankle", 0.0, 0.5), ("right_ankle", 0.5, 1.0)),
    "view": (30, 80),
}
_ONE_HAND: Pose = {
    **_FOREARM_PLANK,
    "pelvis": (77, 0, -8),
    "chest": (0, 0, -8),
    "left_shoulder": (56, 22),
    "left_elbow": 86,
    "left_wrist": 70,
    "right_shoulder": (84, 8),
    "right_elbow": 92,
}

MOTIONS: dict[str, Motion] = {
    "plank": Motion(
        period=(2.2, 3.2),
        keys=(
            (0.0, _FOREARM_PLANK),
            (0.5, {**_FOREARM_PLANK, "hip": 4}),
        ),
        anchor=("ankle",),
        level=(("elbow", "wrist"), ("ankle",)),
        planted=("ankle",),
        **FROM_THE_SIDE,
    ),
    "mountain-climber": Motion(
        period=(0.9, 1.3),
        keys=alternating(
            (0.0, {**HIGH_PLANK, "left_hip": 112, "left_knee": 118, "left_ankle": 0}),
            (0.14, {**HIGH_PLANK, "left_hip": 74, "left_knee": 106, "left_ankle": 0}),
            (0.25, HIGH_PLANK),
            (0.36, {**HIGH_PLANK, "right_hip": 74, "right_knee": 106, "right_ankle": 0}),
        ),
        anchor=("wrist",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist",),
        **FROM_THE_SIDE,
    ),
    "plank-jack": Motion(
        period=(0.95, 1.3),
        keys=((0.0, {**HIGH_PLANK, "hip": (0, 2)}), (0.5, {**HIGH_PLANK, "hip": (0, 21)})),
        anchor=("wrist",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist",),
        flights=((0.15, 0.35), (0.65, 0.85)),
        view=(50, 85),
    ),
    "high-plank": Motion(
        period=(2.2, 3.2),
        keys=((0.0, HIGH_PLANK), (0.5, {**HIGH_PLANK, "hip": 4, "shoulder": (69, 3)})),
        **_ON_HANDS_AND_FEET,
        **FROM_THE_SIDE,
    ),
    "up-down-plank": Motion(
        period=(2.8, 3.8),
        keys=(
            (0.0, HIGH_PLANK),
            (0.06, HIGH_PLANK),
            (0.24, _ONE_HAND),
            (0.42, _FOREARM_PLANK),
            (0.54, _FOREARM_PLANK),
            (0.74, _ONE_HAND),
            (0.94, HIGH_PLANK),
        ),
        anchor=("ankle",),
        level=(("elbow", "wrist"), ("ankle",)),
        planted=("wrist", "ankle"),
        steps=(("right_wrist", 0.06, 0.94), ("left_wrist", 0.26, 0.74)),
        view=(30, 80),
    ),
    "shoulder-tap": Motion(
        period=(1.5, 2.1),
        keys=(
            (0.0, _WIDE_PLANK),
            (0.19, {**_WIDE_PLANK, **_LEFT_HAND_UP}),
            (0.27, {**_WIDE_PLANK, **_LEFT_HAND_UP}),
            (0.46, _WIDE_PLANK),
            (0.5, _WIDE_PLANK),
            (0.69, {**_WIDE_PLANK, **mirrored(_LEFT_HAND_UP)}),
            (0.77, {**_WIDE_PLANK, **mirrored(_LEFT_HAND_UP)}),
            (0.96, _WIDE_PLANK),
        ),
        steps=(("left_wrist", 0.0, 0.46), ("right_wrist", 0.5, 0.96)),
        view=(10, 60),
        **_ON_HANDS_AND_FEET,
    ),
    "plank-leg-lift": Motion(
        period=(1.8, 2.5),
        keys=alternating(
            (0.0, _FOREARM_PLANK),
            (0.25, {**_FOREARM_PLANK, "left_hip": -26, "left_ankle": -25}),
        ),
        anchor=("elbow",),
        level=(("elbow", "wrist"), ("ankle",)),
        **FROM_THE_SIDE,
    ),
    "plank-pike": Motion(
        period=(1.6, 2.3),
        keys=(
            (0.0, _FOREARM_PLANK),
            (
                0.5,
                {
                    **_FOREARM_PLANK,
                    "pelvis": 112,
                    "waist": 6,
                    "hip": 62,
                    "ankle": 12,
                    "shoulder": (120, 3),
                    "elbow": 92,
                    "neck": 10,
                },
            ),
        ),
        anchor=("ankle",),
        level=(("elbow", "wrist"), ("ankle",)),
        planted=("ankle",),
        **FROM_THE_SIDE,
    ),
    "plank-hip-dip": Motion(
        period=(1.5, 2.1),
        keys=alternating(
            (0.0, _FOREARM_PLANK),
            (0.25, {**_FOREARM_PLANK, "pelvis": (82, 0, 38), "waist": (0, 0, -18), "chest": (0, 0, -20)}),
        ),
        anchor=("elbow",),
        level=(("elbow", "wrist"), ("ankle",)),
        planted=("ankle",),
        view=(25, 70),
    ),
    "spiderman-plank": Motion(
        period=(1.8, 2.5),
        keys=alternating(
            (0.0, HIGH_PLANK),
            (0.12, _KNEE_OUT),
            (
                0.25,
                {
                    **HIGH_PLANK,
                    "left_hip": (126, 58, -40),
                    "left_knee": 100,
                    "left_ankle": 0,
                },
            ),
            (0.38, _KNEE_OUT),
        ),
        **_STEPPING,
    ),
    "cross-body-mountain-climber": Motion(
        period=(1.2, 1.7),
        keys=alternating(
            (0.0, HIGH_PLANK),
            (0.12, _KNEE_UNDER),
            (
                0.25,
                {
                    **HIGH_PLANK,
                    "pelvis": (78, 0, -8),
                    "shoulder": (76, 3),
                    "right_hip": 9,
                    "chest": (0, 0, 6),
                    "left_hip": (116, -14),
                    "left_knee": 140,
                    "left_ankle": -45,
                },
            ),
            (0.38, _KNEE_UNDER),
        ),
        **_STEPPING,
    ),
}
