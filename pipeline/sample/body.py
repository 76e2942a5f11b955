"""A person as a tree of rigid frames that carry rounded parts.

World axes: x to the person's left, y up, z the way the person faces; metres. A frame is named after the joint at its
origin and moves the segment below it (`left_knee` moves the shank). Standing with hanging arms all frames are
aligned with the world. A part is a round cone, the hull of two spheres, stretched along its frame's axes.

Segment lengths and joint heights are the shares of the standing height that Drillis and Contini measured (1966), as
tabled in Winter, Biomechanics and Motor Control of Human Movement, figure 4.1. Radii are drawn to look right.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

SIDES = {"left": 1.0, "right": -1.0}
"""Side → sign of its x."""

FRAMES = (
    "pelvis",
    "waist",
    "chest",
    "neck",
    "head",
    *(f"{side}_{joint}" for side in SIDES for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")),
)
FRAME = {name: index for index, name in enumerate(FRAMES)}

_PARENTS = {"waist": "pelvis", "chest": "waist", "neck": "chest", "head": "neck"}
_LIMBS = {"shoulder": "chest", "elbow": "shoulder", "wrist": "elbow", "hip": "pelvis", "knee": "hip", "ankle": "knee"}


def _parent(name: str) -> int:
    side, _, joint = name.rpartition("_")
    if not side:
        return FRAME[_PARENTS[name]] if name in _PARENTS else -1
    above = _LIMBS[joint]
    return FRAME[above if above in FRAME else f"{side}_{above}"]


PARENT = tuple(_parent(name) for name in FRAMES)
"""Index of the frame above; -1 for the pelvis."""

COCO_JOINTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *(f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in SIDES),
)
"""The 17 joints of COCO, in its order."""


@dataclass(frozen=True)
class Build:
    """What differs between bodies: standing height in metres, and factors on the average girth and widths."""

    height: float = 1.70
    girth: float = 1.0
    shoulders: float = 1.0
    hips: float = 1.0
    bun: bool = False
    """Hair tied behind the head."""


@dataclass(frozen=True)
class Part:
    """The hull of two spheres in a frame, in metres, stretched by `stretch` along the frame's axes.

    `start` and `end` are the centres after stretching; the radii are those before it.
    """

    name: str
    frame: int
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: tuple[float, float]
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Body:
    """A build worked out: where each frame sits in its parent, and the parts."""

    build: Build
    offsets: np.ndarray
    """[17, 3] origin of each frame in its parent; the pelvis's own is its standing height."""
    parts: tuple[Part, ...]
    landmarks: np.ndarray
    """[17, 3] the COCO joints, each in its frame."""

    landmark_frames = tuple(FRAME.get(name, FRAME["head"]) for name in COCO_JOINTS)
    """Frame of each COCO joint: the face's is the head."""

    @cached_property
    def frame(self) -> np.ndarray:
        """[P] frame of each part."""
        return np.array([part.frame for part in self.parts])

    @cached_property
    def ends(self) -> np.ndarray:
        """[P, 2, 3] sphere centres of each part in its frame."""
        return np.array([(part.start, part.end) for part in self.parts])

    @cached_property
    def radius(self) -> np.ndarray:
        """[P, 2] sphere radii before stretching."""
        return np.array([part.radius for part in self.parts])

    @cached_property
    def stretch(self) -> np.ndarray:
        """[P, 3] stretch along the frame's axes."""
        return np.array([part.stretch for part in self.parts])


def make_body(build: Build) -> Body:
    """The frames, parts and landmarks of a build."""
    h = build.height
    offsets = np.zeros((len(FRAMES), 3))
    for name, y in (("pelvis", 0.530), ("waist", 0.070), ("chest", 0.095), ("neck", 0.130), ("head", 0.055)):
        offsets[FRAME[name]] = (0, y * h, 0)
    for side, sign in SIDES.items():
        for joint, x, y in (
            ("shoulder", 0.106 * build.shoulders, 0.123),
            ("elbow", 0, -0.186),
            ("wrist", 0, -0.146),
            ("hip", 0.052 * build.hips, 0),
            ("knee", 0, -0.245),
            ("ankle", 0, -0.246),
        ):
            offsets[FRAME[f"{side}_{joint}"]] = (sign * x * h, y * h, 0)
    parts = [*_trunk(build), *_head(build)]
    for side, sign in SIDES.items():
        parts += [*_arm(build, side), *_leg(build, side, sign)]
    return Body(build, offsets, tuple(parts), _landmarks(h))


def _landmarks(h: float) -> np.ndarray:
    points = np.zeros((len(COCO_JOINTS), 3))
    points[0] = (0, 0.043 * h, 0.066 * h)
    for index, sign in ((1, 1.0), (2, -1.0)):
        points[index] = (sign * 0.018 * h, 0.062 * h, 0.052 * h)
        points[index + 2] = (sign * 0.045 * h, 0.053 * h, -0.002 * h)
    return points


def _trunk(build: Build) -> list[Part]:
    h, g = build.height, build.girth
    hip, shoulder = 0.052 * h * build.hips, 0.106 * h * build.shoulders
    pelvis, waist, chest, neck = (FRAME[name] for name in ("pelvis", "waist", "chest", "neck"))
    flat = (1.0, 1.0, 0.86)
    seat = 0.049 * h * g * build.hips
    return [
        Part("pelvis", pelvis, (-0.6 * hip, 0.015 * h, 0), (0.6 * hip, 0.015 * h, 0), (0.059 * h * g,) * 2, flat),
        *(
            Part("seat", pelvis, (s * 0.55 * hip, -0.022 * h, -0.016 * h), (s * 0.5 * hip, 0, -0.012 * h), (seat, seat))
            for s in SIDES.values()
        ),
        Part("belly", waist, (0, -0.03 * h, 0), (0, 0.075 * h, 0), (0.063 * h * g, 0.062 * h * g), (1.2, 1.0, 0.88)),
        Part(
            "ribs", chest, (0, -0.01 * h, 0), (0, 0.07 * h, 0.002 * h), (0.062 * h * g, 0.068 * h * g), (1.25, 1, 0.9)
        ),
        Part(
            "shoulders",
            chest,
            (-0.86 * shoulder, 0.112 * h, -0.004 * h),
            (0.86 * shoulder, 0.112 * h, -0.004 * h),
            (0.036 * h * g,) * 2,
        ),
        *(
            Part(
                "trapezius",
                chest,
                (s * 0.7 * shoulder, 0.115 * h, -0.006 * h),
                (s * 0.018 * h, 0.140 * h, -0.008 * h),
                (0.029 * h * g, 0.026 * h * g),
            )
            for s in SIDES.values()
        ),
        Part("neck", neck, (0, -0.02 * h, -0.004 * h), (0, 0.065 * h, 0.004 * h), (0.033 * h * g, 0.030 * h * g)),
    ]


def _head(build: Build) -> list[Part]:
    h, head = build.height, FRAME["head"]
    skull = Part(
        "skull", head, (0, 0.071 * h, -0.008 * h), (0, 0.066 * h, 0.004 * h), (0.053 * h, 0.053 * h), (0.84, 1.02, 1.0)
    )
    jaw = Part(
        "jaw", head, (0, 0.055 * h, 0.010 * h), (0, 0.016 * h, 0.026 * h), (0.045 * h, 0.024 * h), (0.86, 1.0, 1.0)
    )
    nose = Part("nose", head, (0, 0.058 * h, 0.051 * h), (0, 0.045 * h, 0.059 * h), (0.006 * h, 0.009 * h))
    ears = [
        Part(
            "ear",
            head,
            (s * 0.044 * h, 0.046 * h, 0),
            (s * 0.046 * h, 0.062 * h, -0.004 * h),
            (0.008 * h, 0.011 * h),
            (0.7, 1, 1),
        )
        for s in SIDES.values()
    ]
    bun = Part("hair", head, (0, 0.093 * h, -0.058 * h), (0, 0.080 * h, -0.068 * h), (0.024 * h, 0.022 * h))
    return [skull, jaw, nose, *ears, *([bun] if build.bun else [])]


def _arm(build: Build, side: str) -> list[Part]:
    h, g = build.height, build.girth
    upper, fore, hand = (FRAME[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist"))
    return [
        Part("upper-arm", upper, (0, 0, 0), (0, -0.186 * h, 0), (0.032 * h * g, 0.0235 * h * g)),
        Part("sleeve", upper, (0, 0, 0), (0, -0.085 * h, 0), (0.0345 * h * g, 0.0315 * h * g)),
        Part("forearm", fore, (0, 0, 0), (0, -0.05 * h, 0), (0.0235 * h * g, 0.0255 * h * g)),
        Part("forearm", fore, (0, -0.05 * h, 0), (0, -0.146 * h, 0), (0.0255 * h * g, 0.0165 * h * g)),
        Part("hand", hand, (0, -0.018 * h, 0), (0, -0.055 * h, 0.004 * h), (0.019 * h, 0.022 * h), (1.0, 1.0, 0.6)),
        Part(
            "hand",
            hand,
            (0, -0.055 * h, 0.004 * h),
            (0, -0.090 * h, 0.012 * h),
            (0.021 * h, 0.013 * h),
            (1.0, 1.0, 0.6),
        ),
    ]


def _leg(build: Build, side: str, sign: float) -> list[Part]:
    h, g = build.height, build.girth
    thigh, shank, foot = (FRAME[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
    out = sign * 0.004 * h
    return [
        Part("thigh", thigh, (out, -0.01 * h, 0), (0, -0.245 * h, 0), (0.052 * h * g, 0.033 * h * g)),
        Part("shorts", thigh, (out, -0.01 * h, -0.002 * h), (0, -0.125 * h, 0), (0.056 * h * g, 0.051 * h * g)),
        Part("shank", shank, (0, 0, 0), (0, -0.075 * h, -0.006 * h), (0.033 * h * g, 0.0345 * h * g)),
        Part("shank", shank, (0, -0.075 * h, -0.006 * h), (0, -0.246 * h, 0), (0.0345 * h * g, 0.021 * h * g)),
        Part("heel", foot, (0, -0.012 * h, -0.014 * h), (0, -0.016 * h, 0.045 * h), (0.0235 * h, 0.023 * h)),
        Part(
            "shoe", foot, (0, -0.018 * h, 0.02 * h), (0, -0.022 * h, 0.098 * h), (0.021 * h, 0.0175 * h), (1.22, 1, 1)
        ),
    ]
