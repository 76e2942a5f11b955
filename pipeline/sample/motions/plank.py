"""Activities on hands or forearms and feet."""

from __future__ import annotations

from pipeline.sample.motions.poses import FROM_THE_SIDE, HIGH_PLANK, alternating
from pipeline.sample.movement import Motion

MOTIONS: dict[str, Motion] = {
    "push-up": Motion(
        period=(1.4, 2.0),
        keys=(
            (0.0, {**HIGH_PLANK, "shoulder": (71, 10)}),
            (0.5, {**HIGH_PLANK, "shoulder": (14, 44), "elbow": 96}),
        ),
        anchor=("ankle",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist", "ankle"),
        **FROM_THE_SIDE,
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
        **FROM_THE_SIDE,
    ),
    "mountain-climber": Motion(
        period=(0.9, 1.3),
        keys=alternating(
            (0.0, {**HIGH_PLANK, "left_hip": 112, "left_knee": 118, "left_ankle": 0}),
            (0.14, {**HIGH_PLANK, "left_hip": 74, "left_knee": 106, "left_ankle": 0}),
            (0.25, HIGH_PLANK),
            (0.36, {**HIGH_PLANK, "right_hip": 74, "right_knee": 106, "right_ankle": 0}),
        ),
        anchor=("wrist",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist",),
        **FROM_THE_SIDE,
    ),
    "plank-jack": Motion(
        period=(0.95, 1.3),
        keys=((0.0, {**HIGH_PLANK, "hip": (0, 2)}), (0.5, {**HIGH_PLANK, "hip": (0, 21)})),
        anchor=("wrist",),
        level=(("wrist",), ("ankle",)),
        planted=("wrist",),
        flights=((0.15, 0.35), (0.65, 0.85)),
        view=(50, 85),
    ),
}
