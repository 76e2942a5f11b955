"""Activities on hands and feet with the face up."""

from __future__ import annotations

from pipeline.sample.motions.poses import FROM_THE_SIDE, alternating
from pipeline.sample.movement import Motion, Pose

_REVERSE_PLANK: Pose = {
    "pelvis": -67,
    "shoulder": (-64, 8),
    "elbow": 2,
    "wrist": 86,
    "hip": (-2, 3),
    "ankle": -30,
    "neck": 22,
}
_DIP: Pose = {
    "pelvis": -40,
    "shoulder": (-64, 8),
    "elbow": 48,
    "wrist": 68,
    "hip": (72, 4),
    "knee": 82,
    "ankle": -30,
    "neck": 30,
}

MOTIONS: dict[str, Motion] = {
    "reverse-plank": Motion(
        period=(2.0, 3.0),
        keys=((0.0, _REVERSE_PLANK), (0.5, {**_REVERSE_PLANK, "hip": (4, 3)})),
        anchor=("ankle",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist", "ankle"),
        **FROM_THE_SIDE,
    ),
    "reverse-plank-kick": Motion(
        period=(2.0, 2.8),
        keys=alternating(
            (0.0, _REVERSE_PLANK),
            (0.22, {**_REVERSE_PLANK, "left_hip": 72, "left_ankle": -10}),
            (0.28, {**_REVERSE_PLANK, "left_hip": 72, "left_ankle": -10}),
        ),
        anchor=("wrist",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist",),
        **FROM_THE_SIDE,
    ),
    "triceps-dip-hold": Motion(
        period=(2.0, 3.0),
        keys=((0.0, _DIP), (0.5, {**_DIP, "elbow": 56, "shoulder": (-67, 8)})),
        anchor=("ankle",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist", "ankle"),
        **FROM_THE_SIDE,
    ),
}
