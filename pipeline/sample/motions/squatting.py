"""Squats and lunges, the feet on the floor."""

from __future__ import annotations

from pipeline.sample.motions.poses import HANDS_CLASPED, HANDS_ON_HIPS, alternating, flat, on_flat_soles
from pipeline.sample.movement import Motion, Pose

_SUMO: Pose = on_flat_soles({**HANDS_CLASPED, "pelvis": 12, "hip": (82, 46), "knee": 76})
_ASTRIDE: Pose = on_flat_soles({**HANDS_CLASPED, "pelvis": 6, "hip": (14, 25), "knee": 14})
_OVER_LEFT_FOOT: Pose = on_flat_soles(
    {
        **HANDS_CLASPED,
        "pelvis": 34,
        "neck": -24,
        "left_hip": (96, 16),
        "left_knee": 96,
        "right_hip": (34, 50),
        "right_knee": 2,
    }
)
_LEANING_LEFT: Pose = on_flat_soles(
    {
        **HANDS_CLASPED,
        "pelvis": 18,
        "neck": -12,
        "left_hip": (58, 22),
        "left_knee": 60,
        "right_hip": (20, 40),
        "right_knee": 2,
    }
)
_FEET_TOGETHER: Pose = {**HANDS_ON_HIPS, "hip": (0, 1)}
_FOOT_BEHIND: Pose = {
    **HANDS_ON_HIPS,
    "pelvis": 8,
    "right_hip": (92, 1),
    "right_knee": 86,
    "right_ankle": 2,
    "left_hip": (-6, 1),
    "left_knee": 84,
    "left_ankle": 24,
}
_LIFTING_FOOT: Pose = {
    **HANDS_ON_HIPS,
    "pelvis": 2,
    "right_hip": (10, 1),
    "right_knee": 14,
    "right_ankle": 6,
    "left_hip": (26, 1),
    "left_knee": 72,
    "left_ankle": 14,
}
_STEPPING_BACK: Pose = {
    **HANDS_ON_HIPS,
    "pelvis": 6,
    "right_hip": (40, 1),
    "right_knee": 40,
    "right_ankle": 6,
    "left_hip": (4, 1),
    "left_knee": 74,
    "left_ankle": -6,
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
    "sumo-squat": Motion(
        period=(1.8, 2.4),
        keys=(
            (0.0, on_flat_soles({**HANDS_CLASPED, "pelvis": 2, "hip": (8, 25, 32), "knee": 10})),
            (0.42, _SUMO),
            (0.54, _SUMO),
        ),
        anchor=("ankle",),
        planted=("ankle",),
        view=(0, 50),
    ),
    "side-lunge": Motion(
        period=(2.4, 3.2),
        keys=alternating(
            (0.0, _ASTRIDE),
            (0.1, _LEANING_LEFT),
            (0.22, _OVER_LEFT_FOOT),
            (0.28, _OVER_LEFT_FOOT),
            (0.4, _LEANING_LEFT),
        ),
        anchor=("ankle",),
        planted=("ankle",),
        view=(0, 45),
    ),
    "reverse-lunge": Motion(
        period=(1.9, 2.5),
        keys=(
            (0.0, _FEET_TOGETHER),
            (0.1, _LIFTING_FOOT),
            (0.24, _STEPPING_BACK),
            (0.42, _FOOT_BEHIND),
            (0.54, _FOOT_BEHIND),
            (0.74, _STEPPING_BACK),
            (0.88, _LIFTING_FOOT),
        ),
        anchor=("right_ankle",),
        planted=("right_ankle",),
        view=(35, 85),
    ),
}
