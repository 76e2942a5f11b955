"""Activities on the back, the belly or the seat."""

from __future__ import annotations

from pipeline.sample.motions.poses import BEHIND_HEAD, FROM_THE_SIDE, KNEES_UP, LYING, alternating
from pipeline.sample.movement import Motion

MOTIONS: dict[str, Motion] = {
    "crunch": Motion(
        period=(1.3, 1.8),
        keys=(
            (0.0, {**KNEES_UP, **BEHIND_HEAD, "neck": 8}),
            (0.5, {**KNEES_UP, **BEHIND_HEAD, "waist": 26, "chest": 30, "neck": 22}),
        ),
        planted=("ankle",),
        **FROM_THE_SIDE,
    ),
    "glute-bridge": Motion(
        period=(1.5, 2.1),
        keys=(
            (0.0, KNEES_UP),
            (0.5, {**KNEES_UP, "hip": (-4, 4), "knee": 76, "ankle": 0, "waist": 6, "chest": 6, "neck": 14}),
        ),
        anchor=("ankle",),
        level=(("chest",), ("ankle",)),
        planted=("ankle",),
        **FROM_THE_SIDE,
    ),
    "superman": Motion(
        period=(1.7, 2.4),
        keys=(
            (0.0, {"pelvis": 90, "shoulder": (166, 8), "elbow": 10, "wrist": 0, "hip": (0, 5), "ankle": -60}),
            (
                0.5,
                {
                    "pelvis": 90,
                    "waist": -12,
                    "chest": -14,
                    "neck": -16,
                    "shoulder": (180, 8),
                    "elbow": 6,
                    "wrist": 0,
                    "hip": (-20, 5),
                    "ankle": -50,
                },
            ),
        ),
        **FROM_THE_SIDE,
    ),
    "hollow-hold": Motion(
        period=(1.3, 1.9),
        keys=(
            (0.0, {"pelvis": -96, "waist": 14, "chest": 20, "neck": 18, "hip": 26, "shoulder": 166, "ankle": -35}),
            (0.5, {"pelvis": -86, "waist": 14, "chest": 20, "neck": 18, "hip": 22, "shoulder": 160, "ankle": -35}),
        ),
        **FROM_THE_SIDE,
    ),
    "v-up": Motion(
        period=(1.6, 2.2),
        keys=(
            (0.0, {**LYING, "shoulder": (172, 6), "hip": 2}),
            (0.5, {**LYING, "pelvis": -62, "waist": 16, "chest": 14, "hip": 78, "shoulder": (100, 4), "neck": 8}),
        ),
        **FROM_THE_SIDE,
    ),
    "scissors": Motion(
        period=(0.9, 1.3),
        keys=alternating(
            (0.0, {**LYING, "chest": 12, "neck": 24, "left_hip": 62, "right_hip": 14, "knee": 3, "ankle": -35}),
        ),
        **FROM_THE_SIDE,
    ),
    "reverse-crunch": Motion(
        period=(1.3, 1.8),
        keys=(
            (0.0, {**LYING, "hip": 84, "knee": 92}),
            (0.5, {**LYING, "pelvis": -128, "waist": 24, "chest": 14, "hip": 104, "knee": 98}),
        ),
        anchor=("chest",),
        **FROM_THE_SIDE,
    ),
}
