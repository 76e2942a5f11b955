from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.errors import UserError
from training.config import Config, load
from training.models import build, load_pretrained
from training.predict import BASELINES
from training.reproduce.experiments import EXPERIMENTS, PRESETS, compose, of_experiment, rows, run_name, selected


def composed(preset: str, experiment: str, folder: Path, weights: Path | None = None) -> Config:
    path = folder / f"{preset}-{experiment}.toml"
    path.write_text(compose(PRESETS[preset], experiment, 3, folder, weights, "paper"))
    return load(path)


def built(config: Config) -> nn.Module:
    with torch.device("meta"):
        return build(config.model.name, **config.model.options)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_experiment_of_every_preset_can_be_built(preset: str, tmp_path: Path) -> None:
    for experiment in EXPERIMENTS:
        config = composed(preset, experiment, tmp_path)
        assert (config.seed, config.data.protocol) == (3, "paper")
        if preset in ("tiny", "paper"):  # small has the models of tiny, sample those of the paper
            built(config)


def test_every_row_of_the_tables_has_its_experiment_and_the_papers_numbers() -> None:
    assert [len([row for row in rows() if row.table == table]) for table in (2, 3, 4, 5, 6)] == [16, 4, 6, 5, 4]
    assert {row.experiment for row in rows()} - {*BASELINES} == {*EXPERIMENTS}
    for row in rows():
        for side in ("val", "test"):  # the paper rounds each number by itself
            known, new, mean = (row.paper[f"{split} {side}"] for split in ("known", "new", "mean"))
            assert mean == pytest.approx((known + new) / 2, abs=0.101), row


def test_ablations_differ_in_what_their_names_say(tmp_path: Path) -> None:
    whole = composed("paper", "transm3e", tmp_path).model.options
    assert whole == {}
    options = {name: composed("paper", name, tmp_path).model.options for name in EXPERIMENTS}
    assert options["transm3e-without-mct"] == {"tokens": 1, "distillation_tokens": 1}
    assert options["transm3e-fl-mctkd"] == {"distillation": "FL"}
    assert options["transm3e-de-kd"] == {"distillation": "DE", "distillation_tokens": 1}
    assert options["transm3e-fusion-sum"] == {"fusion": "sum"}
    plain = {"tokens": 1, "distillation_tokens": 1, "distillation": "none", "fusion": "none"}
    assert options["late-concatenation"] == {**plain, "late": "concatenation"}


def test_one_that_begins_with_anothers_branches_takes_all_that_they_have_learnt(tmp_path: Path) -> None:
    """All but what the second phase trains: the fusion, the maps of the distillation and its tokens."""
    torch.manual_seed(0)
    config = composed("tiny", "transm3e", tmp_path)
    torch.save(build(config.model.name, **config.model.options).state_dict(), tmp_path / "branches.pt")
    for name, experiment in EXPERIMENTS.items():
        if experiment.after:
            config = composed("tiny", name, tmp_path)
            assert config.optim.epochs_branches == 0 and config.optim.epochs_joint > 0
            assert config.model.pretrained == {"": str(tmp_path / "transm3e-seed3" / "branches.pt")}
            model = build(config.model.name, **config.model.options)
            report = load_pretrained(model, tmp_path / "branches.pt")
            for key in (*report.left_out, *report.missing):
                assert "fusion" in key or "distil" in key, (name, key)


def test_published_weights_are_found_by_the_configurations_names(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "c2d.pyth").touch()
    (weights / "mvit-s.pth").touch()
    assert composed("paper", "c2d", tmp_path, weights).model.pretrained == {"": str(weights / "c2d.pyth")}
    assert composed("paper", "transm3e", tmp_path, weights).model.pretrained == {"video": str(weights / "mvit-s.pth")}
    assert composed("paper", "i3d", tmp_path, weights).model.pretrained == {}


def test_runs_are_found_by_experiment() -> None:
    runs = ["transm3e-seed0", "transm3e-seed12", "transm3e", "transm3e-fl-kd-seed0", "mvit-s-seed0"]
    assert run_name("transm3e", 12) == "transm3e-seed12"
    assert of_experiment("transm3e", runs) == runs[:2], "the third may be one of them under a second name"
    assert of_experiment("transm3e", runs[2:]) == ["transm3e"]
    assert of_experiment("transm3e-fl-kd", runs) == ["transm3e-fl-kd-seed0"]


def test_selecting_experiments() -> None:
    assert selected("") == list(EXPERIMENTS)
    assert selected("hdgcn, c2d") == ["hdgcn", "c2d"]
    assert selected("transm3e-fl-kd") == ["transm3e", "transm3e-fl-kd"], "it begins with the branches of transm3e"
    assert selected("table 6") == ["transm3e", "late-sum", "late-concatenation", "late-multiplication"]
    with pytest.raises(UserError, match=r"no experiment is called 'resnet'.*hdgcn"):
        selected("hdgcn, resnet")
