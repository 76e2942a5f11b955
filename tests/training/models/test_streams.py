from __future__ import annotations

import pytest
import torch

from pipeline.errors import UserError
from training.models import build
from training.models.layouts import LAYOUTS, NTU_25, layout_named, root
from training.models.streams import STREAMS, as_stream

COCO = layout_named("coco-17")


def clip() -> torch.Tensor:
    torch.manual_seed(0)
    joints = torch.rand(1, 3, 4, 17, 2) + 0.1
    joints[:, :, 2, 9, 0] = 0  # the left wrist of the first person is not seen in frame 2
    return joints


def test_bones_by_hand() -> None:
    joints = clip()
    bones = as_stream(joints, COCO, "bone")
    assert torch.equal(bones[:, :2, :, 7], joints[:, :2, :, 7] - joints[:, :2, :, 5]), "elbow seen from shoulder"
    assert torch.allclose(bones[:, 2, :, 7], (joints[:, 2, :, 7] + joints[:, 2, :, 5]) / 2)
    assert not bones[:, :, :, 0].any(), "the root has no bone"
    assert not bones[:, :, 2, 9, 0].any() and bones[:, :, 2, 9, 1].all(), "nor has what was not seen"


def test_motion_by_hand() -> None:
    joints = clip()
    motion = as_stream(joints, COCO, "joint-motion")
    assert torch.equal(motion[:, :2, 0], joints[:, :2, 1] - joints[:, :2, 0])
    assert not motion[:, :, 3].any(), "nothing follows the last frame"
    assert not motion[:, :, 1:3, 9, 0].any() and motion[:, :, 0, 9, 0].all(), "into and out of an unseen joint"
    still = joints[:, :, :1].expand(-1, -1, 4, -1, -1)
    assert not as_stream(still, COCO, "bone-motion")[:, :2].any()


def test_depth_is_a_coordinate_and_no_score() -> None:
    joints = torch.randn(2, 3, 4, 25, 1)
    bones = as_stream(joints, NTU_25, "bone")
    assert torch.equal(bones[:, :, :, 3], joints[:, :, :, 3] - joints[:, :, :, 2]), "head seen from neck"
    assert not bones[:, :, :, root(NTU_25)].any()


@pytest.mark.parametrize("name", ["stgcn_tiny", "ctrgcn_tiny", "hdgcn_tiny"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_network_takes_every_layout_and_fewer_people(name: str, layout: str) -> None:
    torch.manual_seed(0)
    model = build(name, layout=layout, people=2).eval()
    one = torch.randn(2, 3, 16, len(LAYOUTS[layout].joints), 1)
    alone = model({"skeleton": one})
    with_nobody = model({"skeleton": torch.cat((one, torch.zeros_like(one)), dim=4)})
    assert alone.logits["skeleton"].shape == (2, 20)
    assert torch.equal(alone.logits["skeleton"], with_nobody.logits["skeleton"])


@pytest.mark.parametrize("name", ["stgcn_tiny", "ctrgcn_tiny", "hdgcn_tiny"])
def test_streams_reach_the_network(name: str) -> None:
    joints = clip()[..., :1]
    moved = joints + torch.tensor([0.5, 0.2, 0.0])[None, :, None, None, None] * (joints[:, 2:] != 0)
    for stream in STREAMS:
        torch.manual_seed(0)
        model = build(name, stream=stream).eval()
        same = torch.allclose(
            model({"skeleton": joints}).logits["skeleton"], model({"skeleton": moved}).logits["skeleton"], atol=1e-5
        )
        assert same == (stream != "joint"), f"{stream}: only positions feel that the whole clip is moved"


@pytest.mark.parametrize("name", ["stgcn_tiny", "ctrgcn_tiny", "hdgcn_tiny"])
def test_compiled_without_a_graph_break_is_equal(name: str) -> None:
    torch.manual_seed(0)
    model = build(name).eval()
    joints = {"skeleton": torch.randn(2, 3, 16, 17, 1)}
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    assert torch.allclose(compiled(joints).logits["skeleton"], model(joints).logits["skeleton"], atol=1e-5)


def test_an_unknown_stream_is_named() -> None:
    with pytest.raises(UserError, match="stream must be one of joint, bone, joint-motion, bone-motion, not 'bones'"):
        build("stgcn", stream="bones")
