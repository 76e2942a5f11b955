"""A motion, key poses over one cycle, played by a body: angles between the keys, weight on the floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.sample import kinematics
from pipeline.sample.body import FRAME, FRAMES, SIDES, Body
from pipeline.sample.kinematics import Poses

GRAVITY = 9.81
_RELEASE = 0.15
"""Share of a cycle, at most, in which a stepping hand or foot leaves its place, and in which it comes back."""

Angles = float | tuple[float, float] | tuple[float, float, float]
Pose = Mapping[str, Angles]
"""Joint → degrees, (flexion, abduction, rotation) or flexion alone, as `kinematics` defines them. `hip` means both
hips, `left_hip` one. The pelvis's flexion pitches the whole body: 90 is prone, -90 supine."""

RELAXED: Pose = {"shoulder": (0, 7, 0), "elbow": 12, "wrist": 8}
"""What a pose leaves out; other angles are 0."""


@dataclass(frozen=True)
class Motion:
    """One activity."""

    period: tuple[float, float]
    """Shortest and longest cycle in seconds."""
    keys: tuple[tuple[float, Pose], ...]
    """(phase in [0, 1), pose), the first at phase 0, in order; the cycle closes by itself."""
    view: tuple[float, float] = (0, 45)
    """Smallest and largest angle of the camera from the person's front, degrees, to either side."""
    anchor: tuple[str, ...] = ("pelvis",)
    """Joints whose middle stays over one place of the floor."""
    level: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    """Two groups of joints that carry the weight together, the fore and the hind one."""
    planted: tuple[str, ...] = ()
    """Wrists and ankles that stay where the first key puts them."""
    steps: tuple[tuple[str, float, float], ...] = ()
    """Planted joints of one side that leave the floor and return to their place: (joint, phase when it leaves, phase
    when it is back). In between it does what the keys say."""
    flights: tuple[tuple[float, float], ...] = ()
    """Phases of take-off and landing: in between the body (with `level`, its hind end) is in the air."""


def play(body: Body, motion: Motion, phases: np.ndarray, period: float, effort: float = 1.0) -> Poses:
    """Poses at the phases [T] of cycles that last `period` seconds; facing z, anchored at the origin.

    `effort` scales how far every pose departs from the first one.
    """
    first = key_angles(motion.keys[0][1])
    angles = first + effort * (interpolate(motion.keys, phases) - first)
    poses = _on_the_floor(body, motion, angles, flight_height(motion.flights, phases, period))
    if motion.planted:
        start = _on_the_floor(body, motion, first[None], np.zeros(1))
        for index in kinematics.group(motion.planted):
            held = _held(motion, FRAMES[index], phases)
            free, kept = poses.rotation[:, index], start.rotation[0, index]
            target = poses.origin[:, index] + held[:, None] * (start.origin[0, index] - poses.origin[:, index])
            turn = kinematics.nearest_rotation(free + held[:, None, None] * (kept - free))
            poses = kinematics.plant(poses, FRAMES[index], target, turn)
    return poses


def _held(motion: Motion, frame: str, phases: np.ndarray) -> np.ndarray:
    """How far [T] a planted joint is kept where it was: 0 in the middle of a step, 1 outside of its steps."""
    held = np.ones_like(phases)
    for joint, leave, land in motion.steps:
        if joint == frame:
            since, until = (phases - leave) % 1, (land - phases) % 1
            inside = since < land - leave
            ramp = np.clip(np.minimum(since, until) / min(_RELEASE, (land - leave) / 2), 0, 1)
            held = np.where(inside, 1 - ramp**2 * (3 - 2 * ramp), held)
    return held


def _on_the_floor(body: Body, motion: Motion, angles: np.ndarray, lift: np.ndarray) -> Poses:
    poses = kinematics.forward(body, angles)
    if motion.level is None:
        return kinematics.stand(body, poses, motion.anchor, lift)
    poses = kinematics.level(body, poses, *motion.level, lift)
    return kinematics.stand(body, poses, motion.anchor, np.zeros_like(lift))


def flight_height(flights: tuple[tuple[float, float], ...], phases: np.ndarray, period: float) -> np.ndarray:
    """Height in metres [T] of a free fall between take-off and landing, 0 on the floor."""
    height = np.zeros_like(phases)
    for take_off, landing in flights:
        since, until = (phases % 1 - take_off) * period, (landing - phases % 1) * period
        height += 0.5 * GRAVITY * np.maximum(since, 0) * np.maximum(until, 0)
    return height


def key_angles(pose: Pose) -> np.ndarray:
    """The pose over RELAXED as a table [17, 3] of degrees."""
    table = np.zeros((len(FRAME), 3))
    for name, angles in [*RELAXED.items(), *pose.items()]:
        triple = np.zeros(3)
        values = np.atleast_1d(np.asarray(angles, dtype=np.float64))
        triple[: len(values)] = values
        for frame in [name] if name in FRAME else [f"{side}_{name}" for side in SIDES]:
            table[FRAME[frame]] = triple
    return table


def interpolate(keys: tuple[tuple[float, Pose], ...], phases: np.ndarray) -> np.ndarray:
    """Angles [T, 17, 3] at the phases [T], periodic, without overshoot (Fritsch and Carlson, 1980)."""
    times = np.array([phase for phase, _ in keys])
    values = np.stack([key_angles(pose) for _, pose in keys])
    spans = np.diff(times, append=times[0] + 1)[:, None, None]
    slopes = (np.roll(values, -1, axis=0) - values) / spans
    tangents = _tangents(slopes)
    at = np.searchsorted(times, phases % 1, side="right") - 1
    span, after = spans[at], (at + 1) % len(times)
    u = ((phases % 1 - times[at])[:, None, None]) / span
    return (
        values[at] * (1 + 2 * u) * (1 - u) ** 2
        + values[after] * u**2 * (3 - 2 * u)
        + tangents[at] * span * u * (1 - u) ** 2
        + tangents[after] * span * u**2 * (u - 1)
    )


def _tangents(slopes: np.ndarray) -> np.ndarray:
    """Harmonic mean of the slopes on both sides of each key, 0 at an extreme."""
    before = np.roll(slopes, 1, axis=0)
    product = before * slopes
    total = np.where(product > 0, before + slopes, 1.0)
    return np.where(product > 0, 2 * product / total, 0.0)
