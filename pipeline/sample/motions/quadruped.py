"""Activities on hands and knees, or on hands and feet with the knees just above the floor."""

from __future__ import annotations

from typing import Any

from pipeline.sample.motions.poses import FROM_THE_SIDE, alternating
from pipeline.sample.movement import Motion, Pose

_ON_ALL_FOURS: Pose = {
    "pelvis": 86,
    "shoulder": (86, 2),
    "elbow": 4,
    "wrist": 86,
    "hip": (86, 3),
    "knee": 90,
    "ankle": -80,
    "neck": -12,
}
_ON_HANDS_AND_KNEES: dict[str, Any] = {"anchor": ("wrist",), "level": (("wrist",), ("knee",))}

_BEAR: Pose = {
    "pelvis": 90,
    "shoulder": (92, 2),
    "elbow": 6,
    "wrist": 84,
    "hip": (108, 4),
    "knee": 96,
    "ankle": 20,
    "neck": -16,
}

MOTIONS: dict[str, Motion] = {
    "bird-dog": Motion(
        period=(3.0, 4.0),
        keys=alternating(
            (0.0, _ON_ALL_FOURS),
            (
                0.2,
                {
                    **_ON_ALL_FOURS,
                    "left_shoulder": (176, 6),
                    "left_wrist": 0,
                    "right_hip": -4,
                    "right_knee": 4,
                    "right_ankle": -15,
                },
            ),
            (
                0.3,
                {
                    **_ON_ALL_FOURS,
                    "left_shoulder": (176, 6),
                    "left_wrist": 0,
                    "right_hip": -4,
                    "right_knee": 4,
                    "right_ankle": -15,
                },
            ),
        ),
        level=(("wrist",), ("knee",)),
        **FROM_THE_SIDE,
    ),
    "donkey-kick": Motion(
        period=(1.3, 1.8),
        keys=(
            (0.0, {**_ON_ALL_FOURS, "left_hip": 80}),
            (0.5, {**_ON_ALL_FOURS, "left_hip": -12, "left_knee": 92, "left_ankle": 0}),
        ),
        **_ON_HANDS_AND_KNEES,
        **FROM_THE_SIDE,
    ),
    "fire-hydrant": Motion(
        period=(1.3, 1.8),
        keys=(
            (0.0, _ON_ALL_FOURS),
            (0.5, {**_ON_ALL_FOURS, "left_hip": (86, 66), "left_ankle": -60}),
        ),
        view=(20, 60),
        **_ON_HANDS_AND_KNEES,
    ),
    "bear-crawl": Motion(
        period=(1.2, 1.7),
        keys=alternating(
            (0.0, _BEAR),
            (
                0.25,
                {
                    **_BEAR,
                    "left_shoulder": (112, 2),
                    "left_elbow": 44,
                    "left_wrist": 30,
                    "right_hip": 134,
                    "right_knee": 122,
                    "right_ankle": 0,
                },
            ),
        ),
        anchor=("ankle", "wrist"),
        level=(("wrist",), ("ankle",)),
        planted=("wrist", "ankle"),
        steps=(
            ("left_wrist", 0.0, 0.5),
            ("right_ankle", 0.0, 0.5),
            ("right_wrist", 0.5, 1.0),
            ("left_ankle", 0.5, 1.0),
        ),
        view=(35, 85),
    ),
}
