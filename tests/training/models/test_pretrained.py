from __future__ import annotations

import pickle
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.errors import UserError
from training.models import build, load_pretrained
from training.models.pretrained import Fitted


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("container", ["model_state", "state_dict", "model", "module", ""])
def test_a_checkpoint_of_other_classes_fills_all_but_the_head(tmp_path: Path, container: str) -> None:
    torch.manual_seed(0)
    source, target = build("mvit_tiny", classes=400), build("mvit_tiny")
    weights = {f"module.{key}": value for key, value in source.state_dict().items()}
    path = saved(tmp_path / "a.pyth", {container: weights, "epoch": 3} if container else weights)
    head = target.head.projection.weight.clone()
    report = load_pretrained(target, path)
    assert set(report.left_out) == set(report.missing) == {"head.projection.weight", "head.projection.bias"}
    assert set(report.used) == set(source.state_dict()) - set(report.missing)
    assert "(400, 128) in the file, (20, 128) in the model" in report.left_out["head.projection.weight"]
    assert torch.equal(target.head.projection.weight, head)
    assert all(torch.equal(target.state_dict()[key], source.state_dict()[key]) for key in report.used)


def test_keys_of_another_model_are_named_with_the_reason(tmp_path: Path) -> None:
    target = build("hdgcn_tiny")
    weights = dict(target.state_dict())
    del weights["fc.bias"]
    weights["fc.scale"] = torch.ones(1)
    weights["version"] = "2"
    report = load_pretrained(target, saved(tmp_path / "a.pt", weights))
    assert report.missing == ("fc.bias",)
    assert report.left_out == {"version": "not a tensor", "fc.scale": "the model has no such key"}
    words = str(report).splitlines()
    assert words[0] == f"{len(weights) - 2} used, 2 left out, 1 missing"
    named = ["left out  version: not a tensor", "left out  fc.scale: the model has no such key", "missing   fc.bias"]
    assert words[1:] == named


def test_both_branches_start_from_published_weights(tmp_path: Path) -> None:
    """One class token of the file starts all of ours, which must not begin equal."""
    torch.manual_seed(0)
    video, skeleton, target = build("mvit_tiny"), build("hdgcn_tiny"), build("transm3e_tiny")
    random = target.video.cls_token.clone()
    report = load_pretrained(target, saved(tmp_path / "v.pt", video.state_dict()), "video")
    assert report.left_out == {} and report.missing == ("distillation_token",)
    assert report.changed == {"cls_token": "one token for 20"}
    assert torch.allclose(target.video.cls_token, random + video.cls_token)
    assert torch.equal(target.video.blocks[0].attn.qkv.weight, video.blocks[0].attn.qkv.weight)
    report = load_pretrained(target, saved(tmp_path / "s.pt", skeleton.state_dict()), "auxiliary.backbone")
    assert set(report.left_out) == {"fc.weight", "fc.bias"} and report.missing == ()
    assert torch.equal(target.auxiliary.backbone.l1.gcn1.PA, skeleton.l1.gcn1.PA)


class Renamed(nn.Module):
    """A family that reads files of other names and shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 4, (5, 1, 1))

    def fit_published(self, weights: Mapping[str, Tensor]) -> dict[str, Fitted | str]:
        kernel = weights["conv1_w"][:, :, None].expand(-1, -1, 5, -1, -1) / 5
        return {
            "conv1_w": Fitted("conv.weight", kernel, "inflated over 5 frames"),
            "conv1_b": Fitted("conv.bias", weights["conv1_b"]),
            "lr": "of the training",
        }


def test_a_family_says_what_becomes_of_each_key(tmp_path: Path) -> None:
    model = Renamed()
    weights = {"conv1_w": torch.randn(4, 3, 1, 1), "conv1_b": torch.randn(4), "lr": torch.ones(1), "odd": torch.ones(1)}
    report = load_pretrained(model, saved(tmp_path / "a.pyth", {"model_state": weights}))
    assert report.used == ("conv.weight", "conv.bias") and report.missing == ()
    assert report.changed == {"conv.weight": "inflated over 5 frames"}
    assert report.left_out == {"lr": "of the training", "odd": "the model has no use for it"}
    assert torch.allclose(model.conv.weight.sum(dim=2), weights["conv1_w"], atol=1e-6)
    assert torch.equal(model.conv.bias, weights["conv1_b"])


def test_arguments_of_the_training_beside_the_weights_do_no_harm(tmp_path: Path) -> None:
    """As the VideoMAE and OpenMMLab tools save them."""
    source = build("stgcn_tiny")
    content = {"model": source.state_dict(), "args": Namespace(lr=0.1), "accuracy": np.float64(0.8), "epoch": 3}
    target = build("stgcn_tiny")
    report = load_pretrained(target, saved(tmp_path / "a.pth", content))
    assert report.left_out == {} and report.missing == ()
    assert torch.equal(target.fcn.weight, source.fcn.weight)


@pytest.mark.parametrize("protocol", [2, 4])
def test_caffe2_files_are_read_without_running_them(tmp_path: Path, protocol: int) -> None:
    blobs = {"conv1_w": np.ones((4, 3, 1, 1), np.float32), "conv1_b": np.zeros(4, np.float32), "lr": np.float32(0.1)}
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"blobs": blobs}, protocol))
    model = Renamed()
    report = load_pretrained(model, path)
    assert set(report.used) == {"conv.weight", "conv.bias"} and report.left_out == {"lr": "not a tensor"}
    assert model.conv.weight.detach().unique().tolist() == pytest.approx([0.2])
    path.write_bytes(pickle.dumps({"blobs": {"conv1_w": Path("a")}}, protocol))
    with pytest.raises(UserError, match=r"not a checkpoint that can be read safely \(it asks for pathlib"):
        load_pretrained(model, path)


def test_what_cannot_be_loaded_is_said_in_one_line(tmp_path: Path) -> None:
    class Code:
        def __reduce__(self) -> tuple:
            return print, ("run",)

    (tmp_path / "text.pt").write_text("no weights here")
    (tmp_path / "empty.pt").write_bytes(b"")
    saved(tmp_path / "numbers.pt", {"epoch": 3})
    saved(tmp_path / "code.pt", {"model": Code()})
    model = build("hdgcn_tiny")
    for name, words in (
        ("absent.pt", "no such checkpoint"),
        ("text.pt", "not a checkpoint"),
        ("empty.pt", "not a checkpoint"),
        ("", "not a checkpoint"),
        ("code.pt", "not a checkpoint"),
        ("numbers.pt", "holds no weights"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            load_pretrained(model, tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", build("hdgcn_tiny").state_dict())
    with pytest.raises(UserError, match="none of its weights fits"):
        load_pretrained(build("mvit_tiny"), path)


def test_an_unknown_part_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", build("hdgcn_tiny").state_dict())
    with pytest.raises(UserError, match="no part 'vidoe'"):
        load_pretrained(build("transm3e_tiny"), path, "vidoe")
