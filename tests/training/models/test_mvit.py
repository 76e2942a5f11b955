from __future__ import annotations

import pytest
import torch
from fixtures_published import assert_same_function, assert_same_keys
from gradients import without_gradient

from pipeline.errors import UserError
from training.models import build
from training.models.layers import DropPath
from training.models.mvit import relative_rows


def test_the_official_function_is_computed() -> None:
    model = build("mvit_v2_s", classes=400)
    assert_same_keys(model, "mvit_v2_s")
    assert_same_function(model, "mvit_v2_s", "rgb")


def test_the_official_checkpoint_of_the_larger_one_fits() -> None:
    with torch.device("meta"):
        model = build("mvit_v2_b", classes=400)
    assert_same_keys(model, "mvit_v2_b")


@pytest.mark.parametrize(("name", "millions"), [("mvit_v2_s", 34.246), ("mvit_v2_b", 50.938)])
def test_size_with_twenty_muscle_groups(name: str, millions: float) -> None:
    with torch.device("meta"):
        model = build(name)
    assert sum(weight.numel() for weight in model.parameters()) / 1e6 == pytest.approx(millions, abs=5e-4)


@pytest.mark.parametrize(("modality", "channels"), [("rgb", 3), ("rgbdiff", 3), ("flow", 2)])
def test_shapes_of_each_modality(modality: str, channels: int) -> None:
    model = build("mvit_tiny", modality=modality, tokens=20).eval()
    assert model.modalities == (modality,)
    output = model({modality: torch.randn(2, channels, 8, 64, 64)})
    assert output.logits[modality].shape == (2, 20)
    assert output.features[modality].shape == (2, 128), "dim 16, doubled three times"
    assert output.features[f"{modality}.map"].shape == (2, 128, 4, 1, 1), "8 x 8 patches, halved three times"
    assert output.distillation is None


def test_another_size_of_the_input_works() -> None:
    """Position tables are interpolated, as when weights of 224 pixels are used on more."""
    model = build("mvit_tiny").eval()
    output = model({"rgb": torch.randn(1, 3, 12, 96, 96)})
    assert output.features["rgb.map"].shape == (1, 128, 6, 2, 2)


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    model = build("mvit_tiny", tokens=5)
    model({"rgb": torch.randn(2, 3, 8, 64, 64)}).logits["rgb"].square().sum().backward()
    assert without_gradient(model) == {f"blocks.4.attn.{name}" for name in OF_LAST_PATCHES}


OF_LAST_PATCHES = ("pool_q.weight", "rel_pos_h", "rel_pos_w", "rel_pos_t")
"""In the last block these reach its patches alone, and only tokens are classified; so it is in the published model."""


def test_the_order_of_tokens_does_not_matter_but_their_values_do() -> None:
    torch.manual_seed(0)
    model = build("mvit_tiny", tokens=4).eval()
    video = torch.randn(1, 3, 8, 64, 64)
    before = model({"rgb": video}).logits["rgb"]
    model.cls_token.data = model.cls_token.data.flip(1)
    assert torch.allclose(model({"rgb": video}).logits["rgb"], before, atol=1e-6)
    model.cls_token.data[:, 0] = torch.randn(16)
    assert not torch.allclose(model({"rgb": video}).logits["rgb"], before, atol=1e-3)


def test_distillation_tokens_stand_aside_until_asked_for() -> None:
    torch.manual_seed(0)
    model = build("mvit_tiny", tokens=4, distillation_tokens=3).eval()
    video = torch.randn(1, 3, 8, 64, 64)
    plain = model({"rgb": video}).logits["rgb"]
    model.distillation_token.data.normal_()
    assert torch.equal(model({"rgb": video}).logits["rgb"], plain)
    tokens = [block.shape[1] for block in model.trunk(video, distil=True).tokens]
    assert tokens == [4 + 3] * 5
    assert [block.shape[2] for block in model.trunk(video).tokens] == [16, 32, 64, 64, 128]


def test_relative_rows_by_hand() -> None:
    """Three queries on six keys: a query counts as two keys, so distances are 2 q - k, and the table starts at -5."""
    table = torch.arange(11.0)[:, None]
    rows = relative_rows(table, 3, 6)[..., 0]
    assert rows.tolist() == [[5 + 2 * q - k for k in range(6)] for q in range(3)]


def test_drop_path_keeps_the_mean_and_drops_whole_clips() -> None:
    torch.manual_seed(0)
    drop = DropPath(0.25)
    dropped = drop(torch.ones(4000, 3))
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert torch.equal(dropped.amax(dim=1), dropped.amin(dim=1))
    assert dropped.mean().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(drop.eval()(torch.ones(5)), torch.ones(5))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tokens": 0}, "tokens must be at least 1"),
        ({"reductions": [0, 2]}, "from 1 to 4"),
        ({"modality": "skeleton"}, "modality must be one of rgb, rgbdiff, flow, not 'skeleton'"),
        ({"depth": 0}, "at least 1"),
        ({"channels": 2}, "unknown model option channels; known here: classes"),
        ({"size": "64"}, "model option size must be of type int, not '64'"),
        ({"tokens": True}, "tokens must be of type int, not True"),
        ({"reductions": 1}, "reductions must be a list, not 1"),
        ({"patch_stride": [2, 8]}, r"patch_stride must be a list of 3, not \[2, 8\]"),
        ({"reductions": [1, 2.5]}, "reductions must be of type int, not 2.5"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        build("mvit_tiny", **options)
