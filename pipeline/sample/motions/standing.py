"""Activities on straight legs, by the slugs of annotations/activities.csv."""

from __future__ import annotations

from pipeline.sample.motions.poses import (
    BEHIND_HEAD,
    FROM_THE_SIDE,
    GUARD,
    HANDS_CLASPED,
    HANDS_ON_HIPS,
    STANDING,
    alternating,
    flat,
)
from pipeline.sample.movement import Motion, Pose

_ON_TIPTOE: Pose = {**HANDS_ON_HIPS, "pelvis": 4, "hip": (0, 1), "ankle": -42}
_WIDE: Pose = {**flat(2, 4, 0, 16), "shoulder": (0, 86), "elbow": 4}
_HAND_TO_OTHER_FOOT: Pose = {
    **_WIDE,
    **flat(86, 8, 78, 16),
    "waist": (21, -17, 21),
    "chest": (21, -17, 35),
    "neck": (-10, 0, 20),
    "right_shoulder": (98, 33),
}
_MARCHING: Pose = {"hip": (0, -2), "elbow": 54}
_LEFT_KNEE_UP: Pose = {
    **_MARCHING,
    "left_hip": (88, -2),
    "left_knee": 92,
    "left_shoulder": (-24, 8),
    "right_shoulder": (30, 6),
}
_BOXING: Pose = {**flat(14, 26, 4, 9), "shoulder": (40, 10), "elbow": 122, "wrist": 0, "neck": -4}
_CHAMBERED: Pose = {
    **GUARD,
    "pelvis": (0, 14),
    "right_hip": (4, 14),
    "right_knee": 8,
    "right_ankle": 4,
    "left_hip": (62, 40, -20),
    "left_knee": 118,
    "left_ankle": 4,
}
_HINGED: Pose = {
    "pelvis": 80,
    "neck": -22,
    "shoulder": (80, 4),
    "elbow": 4,
    "right_hip": (88, -2),
    "right_knee": 16,
    "right_ankle": 8,
    "left_hip": (-4, -2),
    "left_knee": 6,
    "left_ankle": -10,
}
_BEHIND_EARS: Pose = {**BEHIND_HEAD, "hip": (0, 1)}
_KNEE_TO_ELBOW: Pose = {
    **_BEHIND_EARS,
    "waist": (4, -16),
    "chest": (4, -20),
    "neck": (0, -8),
    "left_hip": (66, 58, 24),
    "left_knee": 104,
}
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
    "calf-raise": Motion(
        period=(1.4, 2.0),
        keys=(
            (0.0, {"hip": (0, 1)}),
            (0.4, {"pelvis": 4, "hip": (0, 1), "ankle": -42}),
            (0.55, {"pelvis": 4, "hip": (0, 1), "ankle": -42}),
        ),
        anchor=("ankle",),
        view=(15, 80),
    ),
    "march-on-the-spot": Motion(
        period=(1.1, 1.5),
        keys=alternating((0.0, _MARCHING), (0.2, _LEFT_KNEE_UP), (0.3, _LEFT_KNEE_UP)),
        planted=("ankle",),
        steps=(("left_ankle", 0.0, 0.5), ("right_ankle", 0.5, 1.0)),
        view=(0, 60),
    ),
    "arm-circle": Motion(
        period=(0.8, 1.2),
        keys=(
            (0.0, flat(2, 4, 0, 8, shoulder=(90, 74), elbow=2, wrist=0)),
            (0.25, flat(2, 4, 0, 8, shoulder=(118, 62), elbow=2, wrist=0)),
            (0.5, flat(2, 4, 0, 8, shoulder=(90, 46), elbow=2, wrist=0)),
            (0.75, flat(2, 4, 0, 8, shoulder=(62, 62), elbow=2, wrist=0)),
        ),
        anchor=("ankle",),
        planted=("ankle",),
        **STANDING,
    ),
    "punch": Motion(
        period=(0.9, 1.3),
        keys=alternating(
            (0.0, _BOXING),
            (
                0.16,
                {
                    **_BOXING,
                    "pelvis": (4, 0, -12),
                    "waist": (0, 0, -12),
                    "chest": (4, 0, -20),
                    "neck": (-4, 0, 36),
                    "left_shoulder": (92, -14),
                    "left_elbow": 4,
                },
            ),
            (0.34, _BOXING),
        ),
        anchor=("ankle",),
        planted=("ankle",),
        view=(10, 60),
    ),
    "side-kick": Motion(
        period=(1.9, 2.5),
        keys=(
            (0.0, {**flat(6, 12, 0, 4), **GUARD}),
            (0.22, _CHAMBERED),
            (
                0.4,
                {
                    **_CHAMBERED,
                    "pelvis": (0, 30),
                    "waist": (0, 8),
                    "neck": (0, -24),
                    "right_hip": (0, 30),
                    "right_knee": 4,
                    "left_hip": (10, 66, -20),
                    "left_knee": 4,
                },
            ),
            (0.58, _CHAMBERED),
            (0.8, {**flat(6, 12, 0, 4), **GUARD}),
        ),
        anchor=("right_ankle",),
        planted=("right_ankle",),
        **STANDING,
    ),
    "standing-side-crunch": Motion(
        period=(1.5, 2.1),
        keys=((0.0, _BEHIND_EARS), (0.4, _KNEE_TO_ELBOW), (0.5, _KNEE_TO_ELBOW), (0.9, _BEHIND_EARS)),
        anchor=("right_ankle",),
        planted=("right_ankle",),
        view=(0, 35),
    ),
    "windmill": Motion(
        period=(2.2, 3.0),
        keys=alternating((0.0, _WIDE), (0.2, _HAND_TO_OTHER_FOOT), (0.27, _HAND_TO_OTHER_FOOT), (0.47, _WIDE)),
        anchor=("ankle",),
        planted=("ankle",),
        **STANDING,
    ),
    "single-leg-deadlift": Motion(
        period=(2.2, 3.0),
        keys=(
            (0.0, {"hip": (0, -2), "right_knee": 4, "right_ankle": 4}),
            (0.42, _HINGED),
            (0.54, _HINGED),
        ),
        anchor=("right_ankle",),
        planted=("right_ankle",),
        **FROM_THE_SIDE,
    ),
}
