"""Joint layouts that graph networks are built on: the pipeline's own, and those of published checkpoints."""

from __future__ import annotations

from dataclasses import replace

from pipeline.errors import UserError
from pipeline.pose.layouts import LAYOUTS as PIPELINE_LAYOUTS
from pipeline.pose.layouts import Layout

_CENTRAL = ("spine_base", "spine_middle", "neck", "head")
_ARM = ("shoulder", "elbow", "wrist", "hand")
_LEG = ("hip", "knee", "ankle", "foot")

NTU_25 = Layout(
    name="ntu-25",
    joints=(
        *_CENTRAL,
        *(f"{side}_{joint}" for limb in (_ARM, _LEG) for side in ("left", "right") for joint in limb),
        "spine_shoulder",
        *(f"{side}_{joint}" for side in ("left", "right") for joint in ("hand_tip", "thumb")),
    ),
    edges=(
        (0, 1),
        (1, 20),
        (2, 20),
        (3, 2),
        *((first, 20) for first in (4, 8)),
        *((first, 0) for first in (12, 16)),
        *((first + step, first + step - 1) for first in (4, 8, 12, 16) for step in (1, 2, 3)),
        *((21, 22), (22, 7), (23, 24), (24, 11)),
    ),
    mirror=(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22),
)
"""NTU RGB+D (Shahroudy et al., CVPR 2016, figure 1, counted from 0); the tree is rooted at the shoulders' spine.

The hands' tips hang on the thumbs, as in the graphs of ST-GCN and CTR-GCN.
"""

NTU_25_HANDS = replace(
    NTU_25,
    name="ntu-25-hands",
    edges=(*(edge for edge in NTU_25.edges if edge[0] < 21), (21, 7), (22, 7), (23, 11), (24, 11)),
)
"""The same with tips and thumbs on the hands, as in the hierarchy of HD-GCN."""

OPENPOSE_18 = Layout(
    name="openpose-18",
    joints=(
        "nose",
        "neck",
        *(f"{side}_{joint}" for side in ("right", "left") for joint in ("shoulder", "elbow", "wrist")),
        *(f"{side}_{joint}" for side in ("right", "left") for joint in ("hip", "knee", "ankle")),
        *(f"{side}_{joint}" for joint in ("eye", "ear") for side in ("right", "left")),
    ),
    edges=(
        *((0, 1), (2, 1), (5, 1)),
        *((3, 2), (4, 3), (6, 5), (7, 6)),
        *((8, 2), (9, 8), (10, 9), (11, 5), (12, 11), (13, 12)),
        *((14, 0), (15, 0), (16, 14), (17, 15)),
    ),
    mirror=(0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16),
)
"""OpenPose (Cao et al., TPAMI 2021) with 18 key points, as in Kinetics-skeleton; the tree is rooted at the neck."""

LAYOUTS = {**PIPELINE_LAYOUTS, **{layout.name: layout for layout in (NTU_25, NTU_25_HANDS, OPENPOSE_18)}}

DEPTH = (NTU_25.name, NTU_25_HANDS.name)
"""Layouts whose third number of a joint is its depth; elsewhere it is the score."""


def layout_named(name: str) -> Layout:
    """The joint layout `name`. Raises UserError for an unknown one."""
    if name not in LAYOUTS:
        raise UserError(f"no joint layout is called {name!r}; known: {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def root(layout: Layout) -> int:
    """The joint that the layout's tree hangs on."""
    (top,) = set(range(len(layout.joints))) - {child for child, _ in layout.edges}
    return top
