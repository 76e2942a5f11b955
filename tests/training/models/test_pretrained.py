from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.errors import UserError
from training.models import build, load_pretrained


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("container", ["model_state", "state_dict", "model", ""])
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
    report = load_pretrained(target, saved(tmp_path / "a.pt", weights))
    assert report.missing == ("fc.bias",)
    assert report.left_out == {"fc.scale": "the model has no such key"}
    words = str(report).splitlines()
    assert words[0] == f"{len(weights) - 1} used, 1 left out, 1 missing"
    assert words[1:] == ["left out  fc.scale: the model has no such key", "missing   fc.bias"]


def test_both_branches_start_from_published_weights(tmp_path: Path) -> None:
    """One class token of the file starts all of ours, which must not begin equal."""
    torch.manual_seed(0)
    video, skeleton, target = build("mvit_tiny"), build("hdgcn_tiny"), build("transm3e_tiny")
    random = target.video.cls_token.clone()
    report = load_pretrained(target, saved(tmp_path / "v.pt", video.state_dict()), "video")
    assert report.left_out == {} and report.missing == ("distillation_token",)
    assert torch.allclose(target.video.cls_token, random + video.cls_token)
    assert torch.equal(target.video.blocks[0].attn.qkv.weight, video.blocks[0].attn.qkv.weight)
    report = load_pretrained(target, saved(tmp_path / "s.pt", skeleton.state_dict()), "skeleton.backbone")
    assert set(report.left_out) == {"fc.weight", "fc.bias"} and report.missing == ()
    assert torch.equal(target.skeleton.backbone.l1.gcn1.PA, skeleton.l1.gcn1.PA)


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
