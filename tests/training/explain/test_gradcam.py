"""Where models look: by finite differences, and in models and clips where the place of the evidence is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.explain.gradcam import heat, in_frames, watched
from training.models import PRESETS, Model, build

VIDEO, JOINTS = (2, 3, 8, 64, 64), (2, 3, 16, 17, 1)
SMALL = {"width": 8, "depths": [1, 1, 1, 1]}
Place = tuple[int, ...]


def behind_channels(p: Place) -> tuple[Any, ...]:
    return slice(None), slice(None), *p


def in_row(grid: tuple[int, int, int], before: int = 0) -> Callable[[Place], int]:
    """The place's number in a row of patches, frame by frame and line by line."""
    return lambda p: before + (p[0] * grid[1] + p[1]) * grid[2] + p[2]


CASES = [
    ("stgcn_tiny", {}, "st_gcn_networks.3", (4, 17), behind_channels),
    ("ctrgcn_tiny", {}, "l4", (4, 17), behind_channels),
    ("hdgcn_tiny", {}, "l4", (4, 17), behind_channels),
    ("c2d_r50", SMALL, "s5.pathway0_res0", (4, 2, 2), behind_channels),
    ("i3d_r50", SMALL, "s5.pathway0_res0", (4, 2, 2), behind_channels),
    ("slow_r50", SMALL, "s5.pathway0_res0", (8, 2, 2), behind_channels),
    ("resnet3d_tiny", {}, "s5.pathway0_res0", (2, 2, 2), behind_channels),
    ("swin_tiny", {}, "backbone", (4, 4, 4), lambda p: (slice(None), *p)),
    ("videomae_tiny", {}, "blocks.2", (4, 4, 4), lambda p: (slice(None), in_row((4, 4, 4))(p))),
    ("hiera_tiny", {}, "blocks.4", (4, 2, 2), lambda p: (slice(None), in_row((4, 2, 2))(p))),
    ("mvit_tiny", {}, "blocks.4.attn.norm_v", (4, 2, 2), lambda p: (..., in_row((4, 2, 2), 1)(p), slice(None))),
    (
        "mvit_tiny",
        {"tokens": 20, "recompute": True},
        "blocks.4.attn.norm_v",
        (4, 2, 2),
        lambda p: (..., in_row((4, 2, 2), 20)(p), slice(None)),
    ),
    (
        "transm3e_tiny",
        {},
        "video.blocks.4.attn.norm_v",
        (4, 2, 2),
        lambda p: (..., in_row((4, 2, 2), 40)(p), slice(None)),
    ),
    ("transm3e_tiny", {"late": "concatenation"}, "auxiliary.backbone.l4", (4, 17), behind_channels),
]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def inputs_of(model: Model) -> dict[str, Tensor]:
    shapes = {m: JOINTS if m == "skeleton" else VIDEO for m in model.modalities}
    return {m: torch.randn(shape, dtype=torch.float64) for m, shape in shapes.items()}


def lively(model: nn.Module) -> nn.Module:
    """Weights that let every part say something: some families start with parts near zero."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return model.double().eval().requires_grad_(False)


@pytest.mark.parametrize(("name", "options", "layer", "shape", "raw"), CASES, ids=lambda v: v if type(v) is str else "")
def test_heat_is_how_the_logit_grows_with_what_stands_at_a_place(
    name: str, options: dict[str, Any], layer: str, shape: Place, raw: Callable[[Place], Any]
) -> None:
    model = build(name, **options)
    lively(model)
    inputs = inputs_of(model)
    branch = model.modalities[1] if layer.startswith("auxiliary") else model.modalities[0]

    def logit(place: Place, scale: float) -> Tensor:
        def scaled(module: nn.Module, given: Any, result: Tensor) -> Tensor:
            result = result.clone()
            result[raw(place)] *= scale
            return result

        hook = model.get_submodule(layer).register_forward_hook(scaled)
        logits = model(inputs).logits
        hook.remove()
        return logits.get(branch, logits.get("joined"))[:, muscle]

    muscle = int(torch.stack(list(model(inputs).logits.values())).amin(dim=(0, 1)).argmax())  # something speaks for it
    found = heat(model, inputs, muscle)
    assert set(found) == set(model.modalities) and found[branch].shape == (2, *shape)
    places = [tuple(n // 2 for n in shape), tuple(n - 1 for n in shape), (0,) * len(shape)]
    for place in places:
        slope = (logit(place, 1 + 1e-4) - logit(place, 1 - 1e-4)) / 2e-4
        torch.testing.assert_close(found[branch][:, *place], slope.clamp(min=0), rtol=1e-5, atol=1e-9)
    assert all(values.isfinite().all() and values.amax() > 0 for values in found.values())


@pytest.mark.parametrize("name", PRESETS)
def test_every_model_has_a_map_for_each_branch(name: str) -> None:
    with torch.device("meta"):
        model = build(name)
    found = watched(model)
    assert set(found) == set(model.modalities)
    assert {place.layer for place in found.values()} <= set(model.modules())


@pytest.mark.parametrize("tiny", ["resnet3d", "swin", "videomae", "hiera", "mvit", "transm3e"])
def test_a_second_look_is_the_same(tiny: str) -> None:
    """Hooks are gone after the first."""
    model = build(f"{tiny}_tiny")
    lively(model)
    inputs = inputs_of(model)
    before = model(inputs).logits
    first, second = heat(model, inputs, 3), heat(model, inputs, 3)
    assert all(torch.equal(first[b], second[b]) for b in first)
    after = model(inputs).logits
    assert all(torch.equal(before[b], after[b]) for b in before) and not any(x.requires_grad for x in after.values())


def quadrants(values: Tensor) -> Tensor:
    """Heat [B, T, H, W] → [B, 4] in each quadrant, line by line."""
    return torch.nn.functional.adaptive_avg_pool2d(values.mean(dim=1), 2).flatten(1)


def test_heat_lies_where_the_evidence_does() -> None:
    """A model learns to tell whether red and blue squares are there; each lies in a quadrant by itself."""

    def draw(clips: int) -> tuple[Tensor, Tensor, Tensor]:
        pictures, there = 0.3 * torch.randn(clips, 3, 2, 32, 32), torch.rand(clips, 2) < 0.5
        quadrant = torch.rand(clips, 4).argsort(dim=1)[:, :2]
        for clip, colour in there.nonzero().tolist():
            top, left = (16 * n + int(torch.randint(8, ())) for n in divmod(int(quadrant[clip, colour]), 2))
            pictures[clip, 2 * colour, :, top : top + 8, left : left + 8] += 2
        return pictures, there, quadrant

    options = {"frames": 2, "size": 32, "depth": 2, "reductions": [1], "key_stride": 2}
    model = build("mvit_tiny", classes=2, **options).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(120):
        pictures, there, _ = draw(16)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            model({"rgb": pictures}).logits["rgb"], there.float()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval().requires_grad_(False)
    pictures, there, quadrant = draw(64)
    for colour in range(2):
        found = quadrants(heat(model, {"rgb": pictures}, colour)["rgb"])
        right = found.argmax(dim=1) == quadrant[:, colour]
        assert right[there[:, colour]].float().mean() > 0.9


@pytest.mark.parametrize("name", ["swin_tiny", "videomae_tiny", "hiera_tiny"])
def test_patches_are_put_back_in_their_places(name: str) -> None:
    """With attention and positions switched off patches know only themselves: what differs is the bright quadrant."""
    model = build(name).eval().requires_grad_(False)
    for key, weight in model.named_parameters():
        if "pos_embed" in key or ".attn.proj." in key:
            weight.zero_()
    if name == "videomae_tiny":
        model.get_buffer("positions").zero_()
    pictures = torch.zeros(4, 3, 8, 64, 64)
    for quadrant, picture in enumerate(pictures):
        top, left = (32 * n + 12 for n in divmod(quadrant, 2))
        picture[:, :, top : top + 8, left : left + 8] = torch.rand(3, 1, 1, 1) * 4
    evidence = torch.stack([quadrants(heat(model, {"rgb": pictures}, m)["rgb"]) for m in range(20)])  # [20, 4, 4]
    speaks = int((evidence[:, 0, 0] - evidence[:, 0, 1:].amax(dim=1)).argmax())  # the group that the first clip shows
    assert evidence[speaks].argmax(dim=1).tolist() == [0, 1, 2, 3]


def test_heat_over_time_is_read_at_the_middle_of_its_moments() -> None:
    shown = in_frames(torch.tensor([[0.0, 2.0], [4.0, 2.0]]), frames=4, size=0)
    torch.testing.assert_close(shown, torch.tensor([[0.0, 0.5], [0.25, 0.5], [0.75, 0.5], [1.0, 0.5]]))
    video = in_frames(torch.eye(2).expand(3, 2, 2), frames=6, size=8)
    assert video.shape == (6, 8, 8) and (video[:, 0, 0] == 1).all() and (video[:, 0, 7] == 0).all()
    assert (in_frames(torch.zeros(2, 17), frames=4, size=0) == 0).all(), "where nothing speaks, nothing shines"
