"""Files as they are published, under their own names: each key is used or accounted for, and the function stays."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures_published import FOLDER
from torch import Tensor, nn

from training.models import build, load_pretrained

IMAGE_STAGES = {"s2": "layer1", "s3": "layer2", "s4": "layer3", "s5": "layer4"}


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Random weights under our names, running statistics included, so that a mix-up changes the output."""
    generator = torch.Generator().manual_seed(1)
    state = model.state_dict()
    return {
        key: torch.rand(value.shape, generator=generator) * 0.2 + 0.1 if value.is_floating_point() else value
        for key, value in state.items()
    }


def caffe2_name(key: str) -> str:
    """As PySlowFast's model zoo of Caffe2 names what we call `key`: the fast pathway has t_ in front."""
    fast = "t_" if "pathway1" in key else ""
    bn = {"weight": "s", "bias": "b", "running_mean": "rm", "running_var": "riv"}
    if match := re.fullmatch(r"s1\.pathway\d_stem\.(conv|bn)\.(\w+)", key):
        return f"{fast}conv1_w" if match[1] == "conv" else f"{fast}res_conv1_bn_{bn[match[2]]}"
    if match := re.fullmatch(r"s(\d)\.pathway\d_res(\d+)\.(branch1|branch2\.[abc])(_bn)?\.(\w+)", key):
        leaf = f"bn_{bn[match[5]]}" if match[4] else "w"
        return f"{fast}res{match[1]}_{match[2]}_{match[3].replace('.', '')}_{leaf}"
    if match := re.fullmatch(r"s(\d)_fuse\.(conv_f2s|bn)\.(\w+)", key):
        base = "pool1" if match[1] == "1" else f"res{match[1]}_0_branch2c_bn"
        return f"{base}_subsample_{'w' if match[2] == 'conv_f2s' else f'bn_{bn[match[3]]}'}"
    return {"head.projection.weight": "pred_w", "head.projection.bias": "pred_b"}[key]


def test_caffe2_files_of_pyslowfast(tmp_path: Path) -> None:
    source, target = build("resnet3d_tiny"), build("resnet3d_tiny")
    state = {key: value for key, value in weights_of(source).items() if not key.endswith("num_batches_tracked")}
    blobs = {caffe2_name(key): value.numpy() for key, value in state.items()} | {"lr": np.float32(0.1)}
    path = tmp_path / "SLOWFAST.pkl"
    path.write_bytes(pickle.dumps({"blobs": blobs}, 2))
    report = load_pretrained(target, path)
    assert set(report.left_out) == {"lr"}
    assert {key.rpartition(".")[2] for key in report.missing} == {"num_batches_tracked"}
    assert all(torch.equal(target.state_dict()[key], value) for key, value in state.items())


def image_name(key: str) -> str:
    """As torchvision's 2-D ResNet-50 names what we call `key`."""
    if match := re.fullmatch(r"s1\.pathway0_stem\.(conv|bn)\.(\w+)", key):
        return f"{match[1]}1.{match[2]}"
    if match := re.fullmatch(r"(s\d)\.pathway0_res(\d+)\.branch1(_bn)?\.(\w+)", key):
        return f"{IMAGE_STAGES[match[1]]}.{match[2]}.downsample.{1 if match[3] else 0}.{match[4]}"
    if match := re.fullmatch(r"(s\d)\.pathway0_res(\d+)\.branch2\.([abc])(_bn)?\.(\w+)", key):
        number = "abc".index(match[3]) + 1
        return f"{IMAGE_STAGES[match[1]]}.{match[2]}.{'bn' if match[4] else 'conv'}{number}.{match[5]}"
    return {"head.projection.weight": "fc.weight", "head.projection.bias": "fc.bias"}[key]


def test_an_image_network_inflated_sees_a_still_picture_as_before(tmp_path: Path) -> None:
    """I3D from 2-D weights gives on a picture that does not move what C2D, which has no kernel over time, gives."""
    options = {"width": 8, "depths": [1, 1, 2, 1], "time_pool": 1}
    plain, inflated = build("c2d_r50", **options), build("i3d_r50", **options)
    flat = {key: value.squeeze(2) if value.dim() == 5 else value for key, value in plain.state_dict().items()}
    path = tmp_path / "resnet50.pth"
    torch.save({image_name(key): value for key, value in flat.items()}, path)
    for model in (plain, inflated):
        report = load_pretrained(model, path)
        assert report.left_out == {} and report.missing == ()
    assert "inflated over 5 frames" in report.changed["s1.pathway0_stem.conv.weight"]
    still = torch.randn(1, 3, 1, 64, 64).expand(-1, -1, 16, -1, -1)
    middle = [model.eval()({"rgb": still}).features["rgb.map"][:, :, 8] for model in (plain, inflated)]
    assert torch.allclose(*middle, atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "name"), [("mvit_v2_s", "tv_mvit_v2_s"), ("video_swin_s", "tv_swin3d_s"), ("video_swin_b", "tv_swin3d_b")]
)
def test_torchvision_files(tmp_path: Path, ours: str, name: str) -> None:
    if not (FOLDER / name).is_dir():
        pytest.skip(f"no torchvision names at {FOLDER / name}")
    names = json.loads((FOLDER / name / "official_to_torchvision.json").read_text())
    with torch.device("meta"):
        model = build(ours, classes=400)
    floating = {key: value for key, value in model.state_dict().items() if value.is_floating_point()}
    assert set(names) == set(floating)
    fits = model.fit_published({theirs: floating[own] for own, theirs in names.items()})
    assert {theirs: getattr(fit, "key", fit) for theirs, fit in fits.items()} == {t: o for o, t in names.items()}


def test_a_few_torchvision_names_by_hand() -> None:
    with torch.device("meta"):
        mvit, swin = build("mvit_tiny"), build("swin_tiny")
    some = torch.zeros(1)
    assert mvit.fit_published({"blocks.1.attn.pool_k.norm_act.0.bias": some}).popitem()[1].key == (
        "blocks.1.attn.norm_k.bias"
    )
    assert mvit.fit_published({"pos_encoding.class_token": some}).popitem()[1].key == "cls_token"
    assert swin.fit_published({"features.2.1.mlp.3.weight": some}).popitem()[1].key == (
        "backbone.layers.1.blocks.1.mlp.fc2.weight"
    )


@pytest.mark.parametrize(
    ("name", "more", "reason"),
    [
        ("videomae_tiny", {"decoder.blocks.0.x": 3, "mask_token": 3, "norm.weight": 48}, "decoder"),
        ("hiera_tiny", {"decoder_embed.weight": 3, "mask_token": 3}, "decoder"),
    ],
)
def test_pretrained_files_give_their_encoder(tmp_path: Path, name: str, more: dict[str, int], reason: str) -> None:
    source, target = build(name), build(name)
    prefix = "encoder." if name == "videomae_tiny" else ""
    kept = {key: value for key, value in weights_of(source).items() if not key.startswith(("head", "fc_norm"))}
    extra = {(prefix if key.startswith("norm") else "") + key: torch.ones(size) for key, size in more.items()}
    torch.save({"model": {prefix + key: value for key, value in kept.items()} | extra}, tmp_path / "a.pth")
    report = load_pretrained(target, tmp_path / "a.pth")
    assert set(report.left_out) == set(extra)
    assert any(reason in why for why in report.left_out.values())
    assert {key.split(".")[0] for key in report.missing} <= {"head", "fc_norm"}
    assert all(torch.equal(target.state_dict()[key], value) for key, value in kept.items())


@pytest.mark.parametrize(
    ("name", "large"),
    [
        ("mvit_tiny", {"size": 128, "frames": 16}),
        ("hiera_tiny", {"size": 128, "frames": 16}),
        ("swin_tiny", {"window": [4, 4, 4]}),
    ],
)
def test_position_tables_of_another_size_are_interpolated(tmp_path: Path, name: str, large: dict) -> None:
    source, target = build(name), build(name, **large)
    torch.save(source.state_dict(), tmp_path / "a.pt")
    report = load_pretrained(target, tmp_path / "a.pt")
    assert report.missing == () or all("relative_position_index" in key for key in report.missing)
    tables = [key for key in report.changed if "pos" in key]
    assert tables and all(re.search(r"from .* to ", report.changed[key]) for key in tables)
    for key in tables:
        before, after = source.state_dict()[key], target.state_dict()[key]
        assert before.min() - 1e-6 <= after.min() and after.max() <= before.max() + 1e-6
