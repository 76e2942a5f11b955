"""Activities on the back, the belly or the seat."""

from __future__ import annotations

from pipeline.sample.motions.poses import BEHIND_HEAD, FROM_THE_SIDE, KNEES_UP, LYING, alternating, mirrored
from pipeline.sample.movement import Motion, Pose

_HEAD_UP: Pose = {**LYING, "chest": 12, "neck": 24, "ankle": -35}
_LEGS_UP: Pose = {**LYING, "hip": (88, 3), "knee": 4, "ankle": -10}
_ARMS_OUT: Pose = {**LYING, "shoulder": (0, 84), "elbow": 4}
_LEGS_LEFT: Pose = {
    **_ARMS_OUT,
    "pelvis": (-90, 0, 60),
    "waist": (0, 0, -30),
    "chest": (0, 0, -30),
    "hip": (86, 0),
    "knee": 6,
}
_BICYCLE: Pose = {**LYING, **BEHIND_HEAD, "waist": 12, "chest": 20, "neck": 20, "ankle": -20}
_BRIDGE_DOWN: Pose = {**KNEES_UP, "left_hip": (42, 3), "left_knee": 4, "left_ankle": -10}

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
    "modified-scissors": Motion(
        period=(1.0, 1.5),
        keys=alternating(
            (
                0.0,
                {
                    **LYING,
                    "left_hip": (96, 4),
                    "left_knee": 74,
                    "right_hip": (24, 4),
                    "right_knee": 44,
                    "ankle": -25,
                },
            ),
        ),
        **FROM_THE_SIDE,
    ),
    "flutter-kick": Motion(
        period=(0.55, 0.8),
        keys=alternating((0.0, {**_HEAD_UP, "left_hip": 27, "right_hip": 11, "knee": 3})),
        **FROM_THE_SIDE,
    ),
    "leg-raise": Motion(
        period=(1.8, 2.5),
        keys=((0.0, {**LYING, "hip": (5, 2)}), (0.5, {**_LEGS_UP, "hip": (90, 2)})),
        **FROM_THE_SIDE,
    ),
    "sit-up": Motion(
        period=(2.0, 2.8),
        keys=(
            (0.0, {**KNEES_UP, **BEHIND_HEAD}),
            (0.2, {**KNEES_UP, **BEHIND_HEAD, "waist": 20, "chest": 24, "neck": 16}),
            (
                0.5,
                {
                    **KNEES_UP,
                    **BEHIND_HEAD,
                    "pelvis": -24,
                    "hip": (114, 4),
                    "waist": 22,
                    "chest": 18,
                    "neck": 10,
                },
            ),
            (0.8, {**KNEES_UP, **BEHIND_HEAD, "waist": 20, "chest": 24, "neck": 16}),
        ),
        planted=("ankle",),
        **FROM_THE_SIDE,
    ),
    "bicycle-crunch": Motion(
        period=(1.3, 1.9),
        keys=alternating(
            (
                0.0,
                {
                    **_BICYCLE,
                    "waist": (12, 0, 14),
                    "chest": (20, 0, 26),
                    "left_hip": 106,
                    "left_knee": 112,
                    "right_hip": 18,
                    "right_knee": 6,
                },
            ),
            (0.25, {**_BICYCLE, "hip": 64, "knee": 66}),
        ),
        **FROM_THE_SIDE,
    ),
    "oblique-crunch": Motion(
        period=(2.4, 3.2),
        keys=alternating(
            (0.0, {**KNEES_UP, **BEHIND_HEAD, "neck": 8}),
            (0.25, {**KNEES_UP, **BEHIND_HEAD, "waist": (20, 0, 14), "chest": (26, 0, 26), "neck": 18}),
        ),
        planted=("ankle",),
        **FROM_THE_SIDE,
    ),
    "toe-touch-crunch": Motion(
        period=(1.3, 1.8),
        keys=(
            (0.0, {**_LEGS_UP, "shoulder": (96, 3), "neck": 8}),
            (0.5, {**_LEGS_UP, "waist": 24, "chest": 32, "neck": 14, "shoulder": (112, 3), "elbow": 3}),
        ),
        **FROM_THE_SIDE,
    ),
    "heel-touch": Motion(
        period=(1.3, 1.8),
        keys=alternating(
            (
                0.0,
                {
                    **KNEES_UP,
                    "waist": (10, -16),
                    "chest": (20, -18),
                    "neck": 22,
                    "shoulder": (25, 12),
                    "left_elbow": 2,
                },
            ),
        ),
        planted=("ankle",),
        view=(25, 70),
    ),
    "windshield-wiper": Motion(
        period=(2.4, 3.2),
        keys=(
            (0.0, {**_ARMS_OUT, "hip": (86, 0), "knee": 6}),
            (0.25, _LEGS_LEFT),
            (0.5, {**_ARMS_OUT, "hip": (86, 0), "knee": 6}),
            (0.75, mirrored(_LEGS_LEFT)),
        ),
        anchor=("chest",),
        level=(("chest",), ("pelvis", "hip")),
        view=(10, 60),
    ),
    "dead-bug": Motion(
        period=(2.6, 3.6),
        keys=alternating(
            (0.0, {**LYING, "hip": 90, "knee": 90, "ankle": 0, "shoulder": (90, 4), "elbow": 4}),
            (
                0.25,
                {
                    **LYING,
                    "left_hip": 90,
                    "left_knee": 90,
                    "ankle": 0,
                    "right_hip": 14,
                    "right_knee": 10,
                    "left_shoulder": (164, 6),
                    "right_shoulder": (90, 4),
                    "elbow": 4,
                },
            ),
        ),
        **FROM_THE_SIDE,
    ),
    "single-leg-glute-bridge": Motion(
        period=(1.5, 2.1),
        keys=(
            (0.0, _BRIDGE_DOWN),
            (
                0.5,
                {
                    **_BRIDGE_DOWN,
                    "hip": (-4, 4),
                    "knee": 76,
                    "ankle": 0,
                    "left_hip": (-2, 3),
                    "left_knee": 4,
                    "left_ankle": -10,
                    "waist": 6,
                    "chest": 6,
                    "neck": 14,
                },
            ),
        ),
        anchor=("right_ankle",),
        level=(("chest",), ("right_ankle",)),
        planted=("right_ankle",),
        **FROM_THE_SIDE,
    ),
    "swimmer": Motion(
        period=(0.9, 1.3),
        keys=alternating(
            (
                0.0,
                {
                    "pelvis": 90,
                    "waist": -10,
                    "chest": -12,
                    "neck": -12,
                    "left_shoulder": (186, 8),
                    "right_shoulder": (164, 8),
                    "elbow": 6,
                    "wrist": 0,
                    "left_hip": (-4, 4),
                    "right_hip": (-24, 4),
                    "ankle": -55,
                },
            ),
        ),
        **FROM_THE_SIDE,
    ),
}
