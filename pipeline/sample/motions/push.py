"""Push-ups: the arms bend, the hands and feet stay."""

from __future__ import annotations

from typing import Any

from pipeline.sample.motions.poses import FROM_THE_SIDE, HIGH_PLANK, mirrored
from pipeline.sample.movement import Motion, Pose

_ON_HANDS_AND_FEET: dict[str, Any] = {
    "anchor": ("ankle",),
    "level": (("wrist",), ("ankle",)),
    "planted": ("wrist", "ankle"),
}

_ARCHER_TOP: Pose = {**HIGH_PLANK, "pelvis": 74, "shoulder": (74, 33), "elbow": 3, "hip": (0, 9)}
_ARCHER_LEFT: Pose = {
    **_ARCHER_TOP,
    "pelvis": (84, -8),
    "left_shoulder": (22, 58),
    "left_elbow": 112,
    "right_shoulder": (84, 58),
    "right_elbow": 3,
}

_CIRCLE_LEFT: Pose = {
    **HIGH_PLANK,
    "pelvis": (75, -6),
    "left_shoulder": (34, 44),
    "left_elbow": 78,
    "right_shoulder": (70, 34),
    "right_elbow": 24,
}

MOTIONS: dict[str, Motion] = {
    "push-up": Motion(
        period=(1.4, 2.0),
        keys=(
            (0.0, {**HIGH_PLANK, "shoulder": (71, 10)}),
            (0.5, {**HIGH_PLANK, "shoulder": (14, 44), "elbow": 96}),
        ),
        **_ON_HANDS_AND_FEET,
        **FROM_THE_SIDE,
    ),
    "diamond-push-up": Motion(
        period=(1.5, 2.1),
        keys=(
            (0.0, {**HIGH_PLANK, "shoulder": (66, -14), "wrist": (88, 0, -35)}),
            (0.5, {**HIGH_PLANK, "pelvis": 80, "shoulder": (26, 34, -20), "elbow": 92}),
        ),
        view=(30, 75),
        **_ON_HANDS_AND_FEET,
    ),
    "wide-push-up": Motion(
        period=(1.4, 2.0),
        keys=(
            (0.0, {**HIGH_PLANK, "pelvis": 73, "shoulder": (73, 30)}),
            (0.5, {**HIGH_PLANK, "pelvis": 84, "shoulder": (60, 78), "elbow": 84}),
        ),
        view=(15, 60),
        **_ON_HANDS_AND_FEET,
    ),
    "archer-push-up": Motion(
        period=(3.0, 4.0),
        keys=(
            (0.0, _ARCHER_TOP),
            (0.25, _ARCHER_LEFT),
            (0.5, _ARCHER_TOP),
            (0.75, mirrored(_ARCHER_LEFT)),
        ),
        view=(0, 45),
        **_ON_HANDS_AND_FEET,
    ),
    "circle-push-up": Motion(
        period=(1.8, 2.5),
        keys=(
            (0.0, {**HIGH_PLANK, "shoulder": (71, 12)}),
            (0.25, _CIRCLE_LEFT),
            (0.5, {**HIGH_PLANK, "pelvis": 82, "shoulder": (14, 44), "elbow": 100}),
            (0.75, mirrored(_CIRCLE_LEFT)),
        ),
        view=(10, 55),
        **_ON_HANDS_AND_FEET,
    ),
    "raised-leg-push-up": Motion(
        period=(1.5, 2.1),
        keys=(
            (0.0, {**HIGH_PLANK, "shoulder": (71, 10), "left_hip": -24, "left_knee": 4, "left_ankle": -30}),
            (
                0.5,
                {
                    **HIGH_PLANK,
                    "shoulder": (14, 44),
                    "elbow": 96,
                    "left_hip": -28,
                    "left_knee": 4,
                    "left_ankle": -30,
                },
            ),
        ),
        anchor=("right_ankle",),
        level=(("wrist",), ("right_ankle",)),
        planted=("wrist", "right_ankle"),
        **FROM_THE_SIDE,
    ),
    "pike-push-up": Motion(
        period=(1.6, 2.3),
        keys=(
            (0.0, {"pelvis": 128, "hip": 84, "ankle": 18, "shoulder": (160, 10), "elbow": 4, "wrist": 58, "neck": 4}),
            (
                0.5,
                {"pelvis": 138, "hip": 88, "ankle": 22, "shoulder": (128, 40), "elbow": 96, "wrist": 60, "neck": -6},
            ),
        ),
        **_ON_HANDS_AND_FEET,
        **FROM_THE_SIDE,
    ),
    "knee-push-up": Motion(
        period=(1.4, 2.0),
        keys=(
            (0.0, {**HIGH_PLANK, "pelvis": 62, "shoulder": (62, 10), "knee": 66, "ankle": -30}),
            (0.5, {**HIGH_PLANK, "pelvis": 76, "shoulder": (18, 44), "elbow": 96, "knee": 66, "ankle": -30}),
        ),
        anchor=("knee",),
        level=(("wrist",), ("knee",)),
        planted=("wrist",),
        **FROM_THE_SIDE,
    ),
}
