"""Joint layouts that graph networks are built on: the pipeline's own, and that of published NTU checkpoints."""

from __future__ import annotations

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
        *((tip, 7) for tip in (21, 22)),
        *((tip, 11) for tip in (23, 24)),
    ),
    mirror=(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22),
)
"""NTU RGB+D (Shahroudy et al., CVPR 2016, figure 1, counted from 0); the tree is rooted at the shoulders' spine."""

LAYOUTS = {**PIPELINE_LAYOUTS, NTU_25.name: NTU_25}


def layout_named(name: str) -> Layout:
    """The joint layout `name`. Raises UserError for an unknown one."""
    if name not in LAYOUTS:
        raise UserError(f"no joint layout is called {name!r}; known: {', '.join(LAYOUTS)}")
    return LAYOUTS[name]
