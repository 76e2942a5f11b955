"""Activities on the seat, the trunk leaning back."""

from __future__ import annotations

from pipeline.sample.motions.poses import FROM_THE_SIDE, alternating
from pipeline.sample.movement import Motion, Pose

_LEANING: Pose = {
    "pelvis": -48,
    "waist": 8,
    "chest": 8,
    "hip": (74, 3),
    "knee": 66,
    "ankle": -6,
    "neck": 8,
    "shoulder": (24, 6, -32),
    "elbow": 84,
    "wrist": 0,
}

MOTIONS: dict[str, Motion] = {
    "russian-twist": Motion(
        period=(1.2, 1.7),
        keys=alternating(
            (
                0.0,
                {
                    **_LEANING,
                    "waist": (8, 0, 26),
                    "chest": (8, 0, 36),
                },
            ),
            (0.25, _LEANING),
        ),
        view=(10, 60),
    ),
    "boat-hold": Motion(
        period=(2.2, 3.2),
        keys=(
            (0.0, {"pelvis": -46, "hip": (84, 2), "knee": 6, "ankle": -30, "shoulder": (52, 6), "elbow": 4, "neck": 4}),
            (0.5, {"pelvis": -43, "hip": (82, 2), "knee": 6, "ankle": -30, "shoulder": (50, 6), "elbow": 4, "neck": 4}),
        ),
        **FROM_THE_SIDE,
    ),
    "seated-knee-tuck": Motion(
        period=(1.4, 2.0),
        keys=(
            (
                0.0,
                {
                    "pelvis": -62,
                    "waist": 6,
                    "chest": 6,
                    "hip": (40, 2),
                    "knee": 12,
                    "ankle": -25,
                    "neck": 14,
                    "shoulder": (-52, 16),
                    "elbow": 34,
                    "wrist": 60,
                },
            ),
            (
                0.5,
                {
                    "pelvis": -42,
                    "waist": 12,
                    "chest": 10,
                    "hip": (108, 2),
                    "knee": 118,
                    "ankle": -10,
                    "neck": 8,
                    "shoulder": (-56, 16),
                    "elbow": 44,
                    "wrist": 60,
                },
            ),
        ),
        planted=("wrist",),
        **FROM_THE_SIDE,
    ),
}
