"""Joint layouts: which joints a skeleton has, in which order, and how they are connected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """V named joints, left and right being the person's own.

    `edges` are (child, parent) pairs that form a tree; `mirror[v]` is joint v in the mirror image.
    """

    name: str
    joints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    mirror: tuple[int, ...]


COCO_17 = Layout(
    name="coco-17",
    joints=(
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    edges=(
        (15, 13),
        (13, 11),
        (16, 14),
        (14, 12),
        (11, 5),
        (12, 6),
        (9, 7),
        (7, 5),
        (10, 8),
        (8, 6),
        (5, 0),
        (6, 0),
        (1, 0),
        (3, 1),
        (2, 0),
        (4, 2),
    ),
    mirror=(0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
)
"""The key points of COCO (Lin et al., ECCV 2014); the tree is rooted at the nose, as graph models use it."""

HALPE_26 = Layout(
    name="halpe-26",
    joints=(
        *COCO_17.joints,
        "head",
        "neck",
        "hip",
        *(f"{side}_{joint}" for joint in ("big_toe", "small_toe", "heel") for side in ("left", "right")),
    ),
    edges=(
        (18, 19),
        *((hip, 19) for hip in (11, 12)),
        *((top, 18) for top in (0, 5, 6, 17)),
        *((1, 0), (2, 0), (3, 1), (4, 2)),
        *((7, 5), (8, 6), (9, 7), (10, 8)),
        *((13, 11), (14, 12), (15, 13), (16, 14)),
        *((24, 15), (25, 16), (20, 24), (21, 25), (22, 24), (23, 25)),
    ),
    mirror=(*COCO_17.mirror, 17, 18, 19, 21, 20, 23, 22, 25, 24),
)
"""Halpe full body (Fang et al., TPAMI 2023): COCO's and head, neck, hip and feet; the tree is rooted at the hip."""

BLAZEPOSE_33 = Layout(
    name="blazepose-33",
    joints=(
        "nose",
        *(f"{side}_{part}" for side in ("left", "right") for part in ("eye_inner", "eye", "eye_outer")),
        *("left_ear", "right_ear", "left_mouth", "right_mouth"),
        *(
            f"{side}_{part}"
            for part in ("shoulder", "elbow", "wrist", "pinky", "index", "thumb", "hip", "knee", "ankle", "heel", "toe")
            for side in ("left", "right")
        ),
    ),
    edges=(
        *((1, 0), (2, 1), (3, 2), (7, 3), (4, 0), (5, 4), (6, 5), (8, 6), (9, 0), (10, 0)),
        *((11, 0), (13, 11), (15, 13), (17, 15), (19, 15), (21, 15)),
        *((12, 0), (14, 12), (16, 14), (18, 16), (20, 16), (22, 16)),
        *((23, 11), (25, 23), (27, 25), (29, 27), (31, 29)),
        *((24, 12), (26, 24), (28, 26), (30, 28), (32, 30)),
    ),
    mirror=(0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(v + 1 if v % 2 else v - 1 for v in range(11, 33))),
)
"""BlazePose (Bazarevsky et al., 2020); the tree is rooted at the nose, as COCO's here."""

LAYOUTS = {layout.name: layout for layout in (COCO_17, HALPE_26, BLAZEPOSE_33)}


def between(source: Layout, target: Layout) -> list[int]:
    """For each joint of `target` its number in `source`, by name. Raises ValueError where one is missing."""
    return [source.joints.index(joint) for joint in target.joints]
