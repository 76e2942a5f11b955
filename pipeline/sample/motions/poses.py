"""What the motions share: poses, legs with flat soles, the other side, where the camera stands."""

from __future__ import annotations

import math
from typing import Any

from pipeline.sample.body import FRAME, SIDES, Build, make_body
from pipeline.sample.kinematics import forward
from pipeline.sample.movement import Angles, Pose, key_angles

_TRUNK = ("pelvis", "waist", "chest", "neck", "head")


def mirrored(pose: Pose) -> dict[str, Angles]:
    """The pose with left and right exchanged."""
    swap = {"left": "right", "right": "left"}
    return {
        "_".join(swap.get(word, word) for word in name.split("_")): _turned_over(angles) if name in _TRUNK else angles
        for name, angles in pose.items()
    }


def _turned_over(angles: Angles) -> Angles:
    if isinstance(angles, tuple):
        flexion, *sideways = angles
        return (flexion, -sideways[0], -sideways[1]) if len(sideways) == 2 else (flexion, -sideways[0])
    return angles


def alternating(*keys: tuple[float, Pose]) -> tuple[tuple[float, Pose], ...]:
    """Keys of the half cycle [0, 0.5), then the same with the other side."""
    return (*keys, *((phase + 0.5, mirrored(pose)) for phase, pose in keys))


def flat(hip: float, knee: float, pitch: float = 0, spread: float = 0, **more: Angles) -> dict[str, Angles]:
    """Both legs bent, with the soles parallel to the floor when the pelvis is pitched by `pitch`."""
    return {"pelvis": pitch, "hip": (hip, spread), "knee": knee, "ankle": (pitch - hip + knee, -spread), **more}


def on_flat_soles(pose: Pose) -> dict[str, Angles]:
    """The pose with the ankles bent so that both soles are parallel to the floor, wherever the legs point."""
    rotation = forward(make_body(Build()), key_angles(pose)[None]).rotation[0]
    ankles: dict[str, Angles] = {}
    for side, sign in SIDES.items():
        x, y, z = rotation[FRAME[f"{side}_knee"], 1]
        ankles[f"{side}_ankle"] = (math.degrees(math.atan2(-z, y)), -sign * math.degrees(math.asin(x)))
    return {**pose, **ankles}


STANDING: dict[str, Any] = {"view": (0, 45)}
FROM_THE_SIDE: dict[str, Any] = {"view": (60, 105)}

HIGH_PLANK: dict[str, Angles] = {"pelvis": 71, "shoulder": (71, 3), "elbow": 3, "wrist": 88, "ankle": 8, "neck": -14}
LYING: dict[str, Angles] = {"pelvis": -90, "shoulder": (-4, 14), "elbow": 6, "wrist": 0, "ankle": -25}
KNEES_UP = flat(50, 102, -90, 4, shoulder=(-4, 14), elbow=6, wrist=0)
GUARD: dict[str, Angles] = {"shoulder": (42, 12), "elbow": 118, "wrist": 0}
BEHIND_HEAD: dict[str, Angles] = {"shoulder": (35, 105, 80), "elbow": 138, "wrist": 0}
HANDS_ON_HIPS: dict[str, Angles] = {"shoulder": (-14, 40, -72), "elbow": 92, "wrist": 20}
HANDS_CLASPED: dict[str, Angles] = {"shoulder": (34, 14, -36), "elbow": 112, "wrist": 0}
