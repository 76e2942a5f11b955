"""A layout is a tree over all joints, and mirroring swaps left and right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.pose.layouts import COCO_17, LAYOUTS, Layout

PUBLISHED = Path(__file__).parents[4] / "shared" / "parity" / "hdgcn_coco" / "meta.json"


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_edges_reach_every_joint_once(layout: Layout) -> None:
    children = [child for child, _ in layout.edges]
    assert len(children) == len(set(children)) == len(layout.joints) - 1
    reached, waiting = set(range(len(layout.joints))) - set(children), dict(layout.edges)
    assert len(reached) == 1
    for _ in layout.edges:
        grown = {child for child, parent in waiting.items() if parent in reached}
        reached |= grown
    assert reached == set(range(len(layout.joints)))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_mirror_swaps_left_and_right(layout: Layout) -> None:
    swapped = {"left": "right", "right": "left"}
    for joint, partner in zip(layout.joints, layout.mirror, strict=True):
        side, _, rest = joint.partition("_")
        assert layout.joints[partner] == (f"{swapped[side]}_{rest}" if side in swapped else joint)


def test_coco_edges_are_those_of_the_graph_models() -> None:
    if not PUBLISHED.is_file():
        pytest.skip(f"no {PUBLISHED}")
    edges = json.loads(PUBLISHED.read_text())["edges"]
    assert {frozenset(edge) for edge in edges} == {frozenset(edge) for edge in COCO_17.edges}
