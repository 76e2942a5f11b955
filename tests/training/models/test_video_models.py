"""The video models against the outputs of their official implementations, and what all of them promise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from fixtures_published import assert_same_function, assert_same_keys, official
from gradients import without_gradient

from pipeline.errors import UserError
from training.models import build

WITH_OUTPUTS = {
    "c2d_r50": "c2d_r50",
    "i3d_r50": "i3d_r50",
    "slow_r50": "slow_r50",
    "slowfast_r50": "slowfast_r50",
    "video_swin_s": "video_swin_s",
    "videomae_v2_b": "videomaev2_b",
    "hiera_b": "hiera_b",
}
"""Our name → the official model's."""

MILLIONS = {
    "c2d_r50": 23.549,
    "i3d_r50": 27.265,
    "slow_r50": 31.675,
    "slowfast_r50": 33.691,
    "video_swin_s": 49.524,
    "video_swin_b": 87.659,
    "videomae_v2_b": 86.243,
    "hiera_b": 50.800,
}
"""Official parameters with 20 classes."""

TINY = ("resnet3d_tiny", "swin_tiny", "videomae_tiny", "hiera_tiny")


def clip(frames: int = 8, size: int = 64, channels: int = 3) -> torch.Tensor:
    return torch.randn(2, channels, frames, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "theirs"), WITH_OUTPUTS.items())
def test_the_official_function_is_computed(name: str, theirs: str) -> None:
    model = build(name, classes=official(theirs)["classes"])
    assert_same_keys(model, theirs)
    assert_same_function(model, theirs, "rgb")


def test_the_official_checkpoint_of_the_larger_one_fits() -> None:
    assert_same_keys(build("video_swin_b", classes=400), "video_swin_b")


@pytest.mark.parametrize(("name", "millions"), MILLIONS.items())
def test_size_with_twenty_muscle_groups(name: str, millions: float) -> None:
    with torch.device("meta"):
        model = build(name)
    assert sum(weight.numel() for weight in model.parameters()) / 1e6 == pytest.approx(millions, abs=5e-4)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize(("modality", "channels"), [("rgb", 3), ("rgbdiff", 3), ("flow", 2)])
def test_shapes_of_each_modality(name: str, modality: str, channels: int) -> None:
    model = build(name, modality=modality).eval()
    assert model.modalities == (modality,)
    output = model({modality: clip(channels=channels)})
    assert output.logits[modality].shape == (2, 20)
    features, last = output.features[modality], output.features[f"{modality}.map"]
    assert features.shape == last.shape[:2] and last.dim() == 5
    assert output.distillation is None


@pytest.mark.parametrize("name", TINY)
def test_another_size_of_the_input_works(name: str) -> None:
    model = build(name).eval()
    small, large = (model({"rgb": clip(*size)}).features["rgb.map"].shape for size in ((8, 64), (16, 96)))
    assert small[:2] == large[:2] and all(b > a for a, b in zip(small[2:], large[2:], strict=True))


@pytest.mark.parametrize("name", TINY)
def test_every_parameter_learns_also_with_recomputed_blocks(name: str) -> None:
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(0)
        model = build(name, recompute=recompute).train()
        model({"rgb": clip()}).logits["rgb"].square().sum().backward()
        # Batch norms that begin at zero, so that blocks begin as their shortcut, hold up what is before them.
        held_up = {key for key in without_gradient(model) if name == "resnet3d_tiny" and ".branch2." in key}
        assert without_gradient(model) == held_up
        gradients.append({key: weight.grad for key, weight in model.named_parameters()})
        gradients[-1] |= {key: buffer for key, buffer in model.named_buffers() if "running" in key}
    for key, plain in gradients[0].items():
        assert torch.allclose(plain, gradients[1][key], atol=1e-6), key


@pytest.mark.parametrize("name", [*TINY, "mvit_tiny"])
def test_compiled_without_a_graph_break_is_equal(name: str) -> None:
    torch.manual_seed(0)
    model = build(name).eval()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    plain, again = (network({"rgb": clip()}).logits["rgb"] for network in (model, compiled))
    assert torch.allclose(plain, again, atol=1e-6)


def test_batch_norm_and_recomputed_blocks_compile_for_training() -> None:
    torch.manual_seed(0)
    model = build("resnet3d_tiny", fast_kernels=[], recompute=True).train()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    plain, again = (network({"rgb": clip(4)}).logits["rgb"] for network in (model, compiled))
    assert torch.allclose(plain, again, atol=1e-6)


@pytest.mark.parametrize("name", TINY)
def test_half_precision_gives_nearly_the_same(name: str) -> None:
    torch.manual_seed(0)
    model = build(name).eval()
    with torch.autocast("cpu", torch.bfloat16):
        half = model({"rgb": clip()}).logits["rgb"]
    plain = model({"rgb": clip()}).logits["rgb"]
    assert torch.allclose(half.float(), plain, atol=0.05 * plain.abs().max().item() + 1e-3)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("c2d_r50", {"modality": "skeleton"}, "modality must be one of rgb, rgbdiff, flow, not 'skeleton'"),
        ("c2d_r50", {"depths": [3, 4, 6]}, "depths must be four numbers"),
        ("slow_r50", {"kernels": [[2], [1], [1], [1], [1]]}, "kernels must be odd"),
        ("video_swin_s", {"heads": [3, 6]}, "heads must be one number a stage"),
        ("videomae_v2_b", {"heads": 7}, "dim must be a multiple of heads"),
        ("hiera_b", {"size": 100}, r"25 × 25 patches can't be halved 3 times"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        build(name, **options)
