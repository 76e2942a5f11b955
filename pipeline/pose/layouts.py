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

LAYOUTS = {layout.name: layout for layout in (COCO_17, HALPE_26)}
