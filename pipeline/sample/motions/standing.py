"""Activities with the feet on the floor, by the slugs of annotations/activities.csv."""

from __future__ import annotations

from pipeline.sample.motions.poses import GUARD, HANDS_CLASPED, HANDS_ON_HIPS, STANDING, alternating, flat
from pipeline.sample.movement import Motion, Pose

_ON_TIPTOE: Pose = {**HANDS_ON_HIPS, "hip": (0, 1), "ankle": -42}
_KNEE_UP_TURNED: Pose = {
    **HANDS_CLASPED,
    "waist": (2, 0, 18),
    "chest": (2, 0, 26),
    "neck": (0, 0, -12),
    "hip": (0, -2),
    "left_hip": (88, -4),
    "left_knee": 92,
}

MOTIONS: dict[str, Motion] = {
    "squat": Motion(
        period=(1.6, 2.2),
        keys=(
            (0.0, flat(4, 8, 0, 9)),
            (0.42, flat(112, 104, 38, 20, shoulder=(84, 4), elbow=6, wrist=0, neck=-24)),
            (0.54, flat(112, 104, 38, 20, shoulder=(84, 4), elbow=6, wrist=0, neck=-24)),
        ),
        anchor=("ankle",),
        planted=("ankle",),
        view=(15, 75),
    ),
    "lunge": Motion(
        period=(1.5, 2.1),
        keys=(
            (
                0.0,
                {
                    "left_hip": 86,
                    "left_knee": 88,
                    "left_ankle": 2,
                    "right_hip": -6,
                    "right_knee": 100,
                    "right_ankle": 26,
                    "shoulder": (-30, 28),
                    "elbow": 96,
                },
            ),
            (
                0.5,
                {
                    "left_hip": 32,
                    "left_knee": 12,
                    "left_ankle": -20,
                    "right_hip": -22,
                    "right_knee": 18,
                    "right_ankle": 30,
                    "shoulder": (-30, 28),
                    "elbow": 96,
                },
            ),
        ),
        anchor=("ankle",),
        level=(("left_ankle",), ("right_ankle",)),
        planted=("ankle",),
        view=(35, 85),
    ),
    "front-kick": Motion(
        period=(1.9, 2.4),
        keys=alternating(
            (0.0, {**flat(8, 16, 0, 6), **GUARD}),
            (0.13, {**flat(4, 8), **GUARD, "left_hip": 88, "left_knee": 112, "left_ankle": -10}),
            (
                0.24,
                {
                    **flat(-6, 4, -10),
                    **GUARD,
                    "left_hip": 92,
                    "left_knee": 8,
                    "left_ankle": 0,
                    "left_shoulder": (10, 22),
                },
            ),
            (0.36, {**flat(4, 8), **GUARD, "left_hip": 84, "left_knee": 108, "left_ankle": -10}),
        ),
        view=(30, 75),
    ),
    "calf-raise-hold": Motion(
        period=(2.2, 3.2),
        keys=((0.0, _ON_TIPTOE), (0.5, {**_ON_TIPTOE, "ankle": -38, "chest": -3})),
        anchor=("ankle",),
        view=(15, 80),
    ),
    "march-twist": Motion(
        period=(1.5, 2.1),
        keys=alternating(
            (0.0, {**HANDS_CLASPED, "hip": (0, -2)}),
            (0.2, _KNEE_UP_TURNED),
            (0.3, _KNEE_UP_TURNED),
        ),
        planted=("ankle",),
        steps=(("left_ankle", 0.0, 0.5), ("right_ankle", 0.5, 1.0)),
        **STANDING,
    ),
}
