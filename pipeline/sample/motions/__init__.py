"""The activities of the sample, by the slugs of annotations/activities.csv."""

from __future__ import annotations

from pipeline.sample.motions import jumping, lying, plank, push, quadruped, reverse, seated, side, squatting, standing
from pipeline.sample.motions.poses import flat
from pipeline.sample.movement import Motion

MOTIONS: dict[str, Motion] = {
    **standing.MOTIONS,
    **squatting.MOTIONS,
    **jumping.MOTIONS,
    **push.MOTIONS,
    **plank.MOTIONS,
    **side.MOTIONS,
    **reverse.MOTIONS,
    **quadruped.MOTIONS,
    **seated.MOTIONS,
    **lying.MOTIONS,
}

BASIC = (
    *("jumping-jack", "squat", "push-up", "plank", "crunch", "lunge", "high-knees", "mountain-climber"),
    *("glute-bridge", "superman", "hollow-hold", "v-up", "plank-jack", "front-kick", "hop-on-the-spot"),
    *("scissors", "reverse-crunch"),
)
"""The demo's activities: few enough that each comes often in a few workouts."""

REST = Motion(
    period=(1.8, 2.6),
    keys=(
        (0.0, flat(2, 4, 0, 5)),
        (0.5, flat(2, 4, 0, 5, chest=-3, neck=2, shoulder=(-4, 10), elbow=16)),
    ),
    anchor=("ankle",),
    planted=("ankle",),
    view=(0, 30),
)
"""Standing and breathing, between the exercises."""
