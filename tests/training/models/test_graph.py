from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from fixtures_published import assert_same_function, assert_same_keys
from gradients import without_gradient
from torch import nn

from pipeline.errors import UserError
from training.models import build
from training.models.hdgcn import EdgeConv, hierarchy_graph, tree_levels
from training.models.layouts import LAYOUTS, NTU_25, NTU_25_HANDS, Layout

TWO_LAYERS = {"groups": [[11, 12], [5, 6, 13, 14], [0, 1, 2, 3, 4, 7, 8, 9, 10, 15, 16]], "aha": False}
OFFICIAL = [
    ("hdgcn_coco", "hdgcn", {}),
    ("hdgcn_coco_L2_noaha", "hdgcn", TWO_LAYERS),
    ("hdgcn_ntu_official", "hdgcn_ntu", {}),
    ("hdgcn_ntu_official_com21", "hdgcn_ntu", {"centre": 20}),
    ("stgcn_coco_uniform", "stgcn", {}),
    ("stgcn_coco_spatial", "stgcn", {"partition": "spatial"}),
    ("stgcn_kinetics_official", "stgcn_kinetics", {}),
    ("ctrgcn_coco", "ctrgcn", {}),
    ("ctrgcn_ntu_official", "ctrgcn_ntu", {}),
]
WITH_OUTPUTS = [case for case in OFFICIAL if "official" not in case[0]]


@pytest.mark.parametrize(("official", "name", "options"), OFFICIAL, ids=[case[0] for case in OFFICIAL])
def test_the_official_checkpoint_fits(official: str, name: str, options: dict) -> None:
    assert_same_keys(build(name, **options), official)


@pytest.mark.parametrize(("official", "name", "options"), WITH_OUTPUTS, ids=[case[0] for case in WITH_OUTPUTS])
def test_the_official_function_is_computed(official: str, name: str, options: dict) -> None:
    assert_same_function(build(name, **options), official, "skeleton")


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_layouts_are_trees_whose_mirror_is_consistent(layout: Layout) -> None:
    joints = len(layout.joints)
    assert len(set(layout.joints)) == joints and len(layout.edges) == joints - 1
    assert sorted(sum(tree_levels(layout, 0), ())) == list(range(joints)), "connected"
    edges = {frozenset(edge) for edge in layout.edges}
    assert {frozenset(layout.mirror[v] for v in edge) for edge in edges} == edges
    for joint, partner in enumerate(layout.mirror):
        swapped = layout.joints[joint].replace("left", "?").replace("right", "left").replace("?", "right")
        assert layout.joints[partner] == swapped


def test_tree_levels_by_hand() -> None:
    # From the spine's base outwards; the hands' tips, eighth in the tree, join the seventh level.
    levels = ["spine_base", "spine_middle left_hip right_hip", "left_knee right_knee spine_shoulder"]
    names = [{NTU_25.joints[v] for v in level} for level in tree_levels(NTU_25_HANDS, 0, 7)]
    assert [set(level.split()) for level in levels] == names[:3]
    hands = {f"{side}_{part}" for side in ("left", "right") for part in ("hand", "hand_tip", "thumb")}
    assert len(names) == 7 and names[6] == hands


def test_hierarchy_graph_by_hand() -> None:
    graph = hierarchy_graph([(1,), (0, 2)], 3)[0].numpy()
    assert np.array_equal(graph[0], np.eye(3))
    assert np.array_equal(graph[1], [[0, 0.5, 0], [0, 0, 0], [0, 0.5, 0]]), "down: from 1 to 0 and 2"
    assert np.array_equal(graph[2], [[0, 0, 0], [1, 0, 1], [0, 0, 0]]), "up: from 0 and 2 to 1"


def test_edge_conv_looks_at_the_nearest_nodes() -> None:
    """Nodes on a line: moving a node changes those that have it among their two nearest, themselves included."""
    torch.manual_seed(0)
    conv = EdgeConv(1, 32, neighbours=2).eval()
    line = torch.tensor([[[0.0, 1.0, 5.0, 6.1]]])
    moved = line.clone()
    moved[0, 0, 3] = 6.2
    changed = (conv(line) - conv(moved)).abs().amax(dim=(0, 1)) > 1e-6
    assert changed.tolist() == [False, False, True, True]


def test_people_are_averaged_and_their_order_does_not_matter() -> None:
    torch.manual_seed(0)
    model = build("hdgcn_tiny", people=2).eval()
    two = torch.randn(3, 3, 16, 17, 2)
    found = model({"skeleton": two})
    assert torch.allclose(found.logits["skeleton"], model({"skeleton": two.flip(4)}).logits["skeleton"], atol=1e-5)
    assert found.logits["skeleton"].shape == (3, 20)
    assert found.features["skeleton"].shape == (3, 64)
    assert found.features["skeleton.map"].shape == (3, 64, 4, 17, 2), "frames halved twice"
    assert torch.allclose(found.features["skeleton.map"].mean(dim=(2, 3, 4)), found.features["skeleton"], atol=1e-5)


@pytest.mark.parametrize("options", [{}, TWO_LAYERS], ids=["A-HA", "no A-HA"])
def test_every_parameter_learns(options: dict) -> None:
    torch.manual_seed(0)
    model = build("hdgcn_tiny", **options)
    model({"skeleton": torch.randn(4, 3, 16, 17, 1)}).logits["skeleton"].square().sum().backward()
    # In training, batch norm takes the bias before it out again: what is left of its gradient is rounding.
    assert without_gradient(model) <= {name for name, _ in model.named_parameters() if name.endswith("bias")}


def at_rest(model: nn.Module) -> set[str]:
    """Names of the parameters that one backward pass leaves; without biases, which batch norm may take out again."""
    model.zero_grad()
    model({"skeleton": torch.randn(4, 3, 16, 17, 1)}).logits["skeleton"].square().sum().backward()
    return {name for name in without_gradient(model) if not name.endswith("bias")}


def test_every_parameter_of_stgcn_learns() -> None:
    torch.manual_seed(0)
    assert at_rest(build("stgcn_tiny")) == set()


def test_every_parameter_of_ctrgcn_learns_once_its_gate_has_moved() -> None:
    """The refined topologies enter times alpha, which starts at 0: at first alpha alone of their branch learns."""
    torch.manual_seed(0)
    model = build("ctrgcn_tiny")
    refining = {name for name, _ in model.named_parameters() if re.search(r"gcn1\.convs\.\d\.conv[124]\.weight", name)}
    assert refining and at_rest(model) == refining
    torch.optim.SGD([weight for name, weight in model.named_parameters() if name.endswith("alpha")], lr=0.1).step()
    assert at_rest(model) == set()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layout": "coco-18"}, "coco-18"),
        ({"groups": [[0], 1]}, "groups must be a list, not 1"),
        ({"people": 0}, "people must be at least 1"),
        ({"centre": 17}, "centre must be a joint of coco-17"),
        ({"groups": [[0], [1, 2]]}, "each joint of coco-17 once"),
        ({"most_groups": 1}, "most_groups"),
        ({"widths": [6]}, "multiples of 4"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        build("hdgcn", **options)


def test_skeletons_of_another_layout_are_refused() -> None:
    with pytest.raises(UserError, match=r"joints, people\) = \(3, 25, 2\), the skeletons have \(3, 17, 1\)"):
        build("hdgcn_ntu")({"skeleton": torch.zeros(1, 3, 16, 17, 1)})


def test_the_paper_s_size() -> None:
    sizes = {name: sum(w.numel() for w in build("hdgcn", **options).parameters()) / 1e6 for name, options in SIZES}
    assert sizes == pytest.approx({"four layers": 1.289, "two layers, no A-HA": 0.825}, abs=5e-4)


SIZES = (("four layers", {}), ("two layers, no A-HA", TWO_LAYERS))
