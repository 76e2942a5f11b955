"""What bodies do in every motion: they stay above the floor, carry their weight, and do the other side alike."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.sample.body import FRAME, FRAMES, Body, Build, make_body
from pipeline.sample.motions import MOTIONS
from pipeline.sample.movement import Motion, play

PHASES = np.arange(40) / 40
BODIES = [make_body(build) for build in (Build(1.55, 1.15, 0.9, 1.1), Build(1.70), Build(1.90, 0.9, 1.1, 0.9))]
GRIP_M = 0.06
"""How far a planted hand or foot may slide: it pivots where a real one would."""


def origins(body: Body, motion: Motion) -> np.ndarray:
    return play(body, motion, PHASES, float(np.mean(motion.period))).origin


@pytest.mark.parametrize("name", MOTIONS)
def test_no_joint_sinks_into_the_floor(name: str) -> None:
    for body in BODIES:
        height = origins(body, MOTIONS[name])[..., 1]
        below = {FRAMES[index]: height[:, index].min() for index in range(len(FRAMES)) if height[:, index].min() < 0}
        assert not below


@pytest.mark.parametrize("name", [name for name, motion in MOTIONS.items() if motion.planted])
def test_planted_hands_and_feet_stay_but_for_their_steps(name: str) -> None:
    motion = MOTIONS[name]
    for body in BODIES:
        origin = origins(body, motion)
        for frame in (f for f in FRAMES if f in motion.planted or f.rpartition("_")[2] in motion.planted):
            steps = [(leave, land) for joint, leave, land in motion.steps if joint == frame]
            in_step = np.any([(PHASES - leave) % 1 < land - leave for leave, land in steps] or [PHASES < 0], axis=0)
            path = origin[:, FRAME[frame]] - origin[0, FRAME[frame]]
            assert np.linalg.norm(path[~in_step], axis=1).max() < GRIP_M, frame
            assert not steps or np.linalg.norm(path, axis=1).max() > GRIP_M, frame


@pytest.mark.parametrize(
    "name",
    [
        *("archer-push-up", "bicycle-crunch", "butt-kick", "heel-touch", "jumping-lunge", "march-on-the-spot"),
        *("march-twist", "mountain-climber", "plank-hip-dip", "punch", "running", "russian-twist", "shoulder-tap"),
        *("side-lunge", "spiderman-plank", "windmill", "windshield-wiper"),
    ],
)
def test_the_second_half_of_the_cycle_is_the_first_in_a_mirror(name: str) -> None:
    swap = {"left": "right", "right": "left"}
    other = [FRAME["_".join(swap.get(word, word) for word in frame.split("_"))] for frame in FRAMES]
    origin = origins(BODIES[1], MOTIONS[name])
    later = np.roll(origin, -len(PHASES) // 2, axis=0)[:, other] * (-1, 1, 1)
    assert np.abs(later - origin).max() < 0.01
    assert np.abs(later - origin[:, other] * (-1, 1, 1)).max() > 0.05
