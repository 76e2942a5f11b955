"""The activities of the sample, by the slugs of annotations/activities.csv."""

from __future__ import annotations

from typing import Any

from pipeline.sample.movement import Angles, Motion, Pose


def _mirrored(pose: Pose) -> dict[str, Angles]:
    """The pose with left and right exchanged."""
    swap = {"left": "right", "right": "left"}
    return {"_".join(swap.get(word, word) for word in name.split("_")): angles for name, angles in pose.items()}


def _alternating(*keys: tuple[float, Pose]) -> tuple[tuple[float, Pose], ...]:
    """Keys of the half cycle [0, 0.5), then the same with the other side."""
    return (*keys, *((phase + 0.5, _mirrored(pose)) for phase, pose in keys))


def _flat(hip: float, knee: float, pitch: float = 0, spread: float = 0, **more: Angles) -> dict[str, Angles]:
    """Both legs bent, with the soles parallel to the floor when the pelvis is pitched by `pitch`."""
    return {"pelvis": pitch, "hip": (hip, spread), "knee": knee, "ankle": (pitch - hip + knee, -spread), **more}


_STANDING: dict[str, Any] = {"view": (0, 45)}
_FROM_THE_SIDE: dict[str, Any] = {"view": (60, 105)}

_HIGH_PLANK: dict[str, Angles] = {"pelvis": 71, "shoulder": (71, 3), "elbow": 3, "wrist": 88, "ankle": 8, "neck": -14}
_LYING: dict[str, Angles] = {"pelvis": -90, "shoulder": (-4, 14), "elbow": 6, "wrist": 0, "ankle": -25}
_KNEES_UP = _flat(50, 102, -90, 4, shoulder=(-4, 14), elbow=6, wrist=0)
_GUARD: dict[str, Angles] = {"shoulder": (42, 12), "elbow": 118, "wrist": 0}
_BEHIND_HEAD: dict[str, Angles] = {"shoulder": (35, 105, 80), "elbow": 138, "wrist": 0}

MOTIONS: dict[str, Motion] = {
    "jumping-jack": Motion(
        period=(1.15, 1.5),
        keys=(
            (0.0, _flat(8, 16, 0, 2, shoulder=(0, 9))),
            (0.5, _flat(8, 16, 0, 21, shoulder=(4, 162), elbow=14)),
        ),
        flights=((0.14, 0.34), (0.64, 0.84)),
        view=(0, 40),
    ),
    "squat": Motion(
        period=(1.6, 2.2),
        keys=(
            (0.0, _flat(4, 8, 0, 9)),
            (0.42, _flat(112, 104, 38, 20, shoulder=(84, 4), elbow=6, wrist=0, neck=-24)),
            (0.54, _flat(112, 104, 38, 20, shoulder=(84, 4), elbow=6, wrist=0, neck=-24)),
        ),
        anchor=("ankle",),
        planted=("ankle",),
        view=(15, 75),
    ),
    "push-up": Motion(
        period=(1.4, 2.0),
        keys=(
            (0.0, {**_HIGH_PLANK, "shoulder": (71, 10)}),
            (0.5, {**_HIGH_PLANK, "shoulder": (14, 44), "elbow": 96}),
        ),
        anchor=("ankle",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist", "ankle"),
        **_FROM_THE_SIDE,
    ),
    "plank": Motion(
        period=(2.2, 3.2),
        keys=(
            (0.0, {"pelvis": 81, "shoulder": (80, 3), "elbow": 92, "wrist": 0, "ankle": 8, "neck": -10}),
            (0.5, {"pelvis": 81, "shoulder": (80, 3), "elbow": 92, "wrist": 0, "ankle": 8, "neck": -10, "hip": 4}),
        ),
        anchor=("ankle",),
        level=(("elbow", "wrist"), ("ankle",)),
        planted=("ankle",),
        **_FROM_THE_SIDE,
    ),
    "crunch": Motion(
        period=(1.3, 1.8),
        keys=(
            (0.0, {**_KNEES_UP, **_BEHIND_HEAD, "neck": 8}),
            (0.5, {**_KNEES_UP, **_BEHIND_HEAD, "waist": 26, "chest": 30, "neck": 22}),
        ),
        planted=("ankle",),
        **_FROM_THE_SIDE,
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
    "high-knees": Motion(
        period=(0.75, 1.0),
        keys=_alternating(
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
    "mountain-climber": Motion(
        period=(0.9, 1.3),
        keys=_alternating(
            (0.0, {**_HIGH_PLANK, "left_hip": 112, "left_knee": 118, "left_ankle": 0}),
            (0.14, {**_HIGH_PLANK, "left_hip": 74, "left_knee": 106, "left_ankle": 0}),
            (0.25, _HIGH_PLANK),
            (0.36, {**_HIGH_PLANK, "right_hip": 74, "right_knee": 106, "right_ankle": 0}),
        ),
        anchor=("wrist",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist",),
        **_FROM_THE_SIDE,
    ),
    "glute-bridge": Motion(
        period=(1.5, 2.1),
        keys=(
            (0.0, _KNEES_UP),
            (0.5, {**_KNEES_UP, "hip": (-4, 4), "knee": 76, "ankle": 0, "waist": 6, "chest": 6, "neck": 14}),
        ),
        anchor=("ankle",),
        level=(("chest",), ("ankle",)),
        planted=("ankle",),
        **_FROM_THE_SIDE,
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
        **_FROM_THE_SIDE,
    ),
    "hollow-hold": Motion(
        period=(1.3, 1.9),
        keys=(
            (0.0, {"pelvis": -96, "waist": 14, "chest": 20, "neck": 18, "hip": 26, "shoulder": 166, "ankle": -35}),
            (0.5, {"pelvis": -86, "waist": 14, "chest": 20, "neck": 18, "hip": 22, "shoulder": 160, "ankle": -35}),
        ),
        **_FROM_THE_SIDE,
    ),
    "v-up": Motion(
        period=(1.6, 2.2),
        keys=(
            (0.0, {**_LYING, "shoulder": (172, 6), "hip": 2}),
            (0.5, {**_LYING, "pelvis": -62, "waist": 16, "chest": 14, "hip": 78, "shoulder": (100, 4), "neck": 8}),
        ),
        **_FROM_THE_SIDE,
    ),
    "plank-jack": Motion(
        period=(0.95, 1.3),
        keys=((0.0, {**_HIGH_PLANK, "hip": (0, 2)}), (0.5, {**_HIGH_PLANK, "hip": (0, 21)})),
        anchor=("wrist",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist",),
        flights=((0.15, 0.35), (0.65, 0.85)),
        view=(50, 85),
    ),
    "front-kick": Motion(
        period=(1.9, 2.4),
        keys=_alternating(
            (0.0, {**_flat(8, 16, 0, 6), **_GUARD}),
            (0.13, {**_flat(4, 8), **_GUARD, "left_hip": 88, "left_knee": 112, "left_ankle": -10}),
            (
                0.24,
                {
                    **_flat(-6, 4, -10),
                    **_GUARD,
                    "left_hip": 92,
                    "left_knee": 8,
                    "left_ankle": 0,
                    "left_shoulder": (10, 22),
                },
            ),
            (0.36, {**_flat(4, 8), **_GUARD, "left_hip": 84, "left_knee": 108, "left_ankle": -10}),
        ),
        view=(30, 75),
    ),
    "hop-on-the-spot": Motion(
        period=(0.6, 0.8),
        keys=(
            (0.0, _flat(26, 50, 8, 3, shoulder=(-18, 14), elbow=60)),
            (0.5, {"hip": (2, 3), "knee": 6, "ankle": -38, "shoulder": (14, 22), "elbow": 66}),
        ),
        flights=((0.22, 0.78),),
        **_STANDING,
    ),
    "scissors": Motion(
        period=(0.9, 1.3),
        keys=_alternating(
            (0.0, {**_LYING, "chest": 12, "neck": 24, "left_hip": 62, "right_hip": 14, "knee": 3, "ankle": -35}),
        ),
        **_FROM_THE_SIDE,
    ),
    "reverse-crunch": Motion(
        period=(1.3, 1.8),
        keys=(
            (0.0, {**_LYING, "hip": 84, "knee": 92}),
            (0.5, {**_LYING, "pelvis": -128, "waist": 24, "chest": 14, "hip": 104, "knee": 98}),
        ),
        anchor=("chest",),
        **_FROM_THE_SIDE,
    ),
}

REST = Motion(
    period=(1.8, 2.6),
    keys=(
        (0.0, _flat(2, 4, 0, 5)),
        (0.5, _flat(2, 4, 0, 5, chest=-3, neck=2, shoulder=(-4, 10), elbow=16)),
    ),
    anchor=("ankle",),
    planted=("ankle",),
    view=(0, 30),
)
"""Standing and breathing, between the exercises."""
