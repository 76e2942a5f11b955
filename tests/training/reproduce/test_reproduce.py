from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fixtures_shards import toy_clips, write_dataset
from rich.console import Console

from pipeline.errors import UserError
from pipeline.reader import Dataset
from training import checkpoint
from training.cli import app
from training.config import load
from training.reproduce.experiments import Preset
from training.reproduce.jobs import Job, plan
from training.reproduce.launch import places, run_all, submit
from training.summary import operations

QUIET = Console(quiet=True)
SHORT = Preset("-tiny", {"optim": {"warmup_epochs": 0}}, epochs=(1, 1))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clips = toy_clips(["train"] * 3 + ["val", "test"])
    return write_dataset(tmp_path_factory.mktemp("data") / "0.0.1", clips, ("rgb", "skeleton"))


def planned(experiments: list[str], toy: Path, runs: Path, preset: Preset = SHORT, gpus: int = 0) -> list[Job]:
    return plan(preset, experiments, [0], Dataset(toy, ()), runs, None, "video-disjoint", gpus)


@pytest.fixture(scope="module")
def trained(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TransM³E, a model that begins with its branches, and one by itself."""
    runs = tmp_path_factory.mktemp("work") / "runs"
    run_all(planned(["transm3e-fusion-sum", "stgcn", "transm3e"], toy, runs), toy, QUIET)
    return runs


def test_all_runs_are_trained_and_predict(trained: Path, toy: Path) -> None:
    for name in ("transm3e-fusion-sum-seed0", "stgcn-seed0", "transm3e-seed0"):
        assert checkpoint.describe(trained / name)["finished"]
        assert len(pd.read_parquet(trained / name / "predictions.parquet")) == len(
            [clip for clip in toy_clips(["train"] * 3 + ["val", "test"]) if clip.split != "train"]
        )


def test_a_run_goes_on_from_the_branches_of_another(trained: Path) -> None:
    """One step of a small rate away from them; a model of its own would be far."""
    begun = torch.load(trained / "transm3e-seed0" / checkpoint.BRANCHES, weights_only=True)
    ended = torch.load(trained / "transm3e-fusion-sum-seed0" / checkpoint.BEST, weights_only=True)
    key = "video.patch_embed.proj.weight"
    assert key in begun, sorted(begun)[:20]
    moved = (ended[key] - begun[key]).abs().mean() / begun[key].abs().mean()
    assert 0 < moved < 0.5


def test_what_a_model_of_two_modalities_predicts_from_one_is_saved_beside(trained: Path) -> None:
    folder = trained / "transm3e-seed0"
    names = ("predictions", "predictions-without-rgb", "predictions-without-skeleton")
    whole, skeleton, rgb = (np.stack(pd.read_parquet(folder / f"{name}.parquet")["y_prob"].tolist()) for name in names)
    assert np.allclose(whole, (skeleton + rgb) / 2, atol=1e-6), "the prediction is the mean of the branches'"
    assert np.abs(skeleton - rgb).max() > 1e-3


def test_finished_runs_are_left_alone(trained: Path, toy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.glob("*/*.pt")}
    run_all(planned(["transm3e-fusion-sum", "stgcn", "transm3e"], toy, trained), toy, QUIET)
    assert before == {path: path.stat().st_mtime_ns for path in trained.glob("*/*.pt")}


def test_other_views_are_predicted_again_and_nothing_is_trained(trained: Path, toy: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "stgcn-seed0", tmp_path / "stgcn-seed0")
    before = (tmp_path / "stgcn-seed0" / checkpoint.BEST).stat().st_mtime_ns
    fewer = Preset("-tiny", {"optim": {"warmup_epochs": 0}, "data": {"views": 2}}, epochs=(1, 1))
    (job,) = planned(["stgcn"], toy, tmp_path, fewer)
    assert not job.finished
    run_all([job], toy, QUIET)
    assert job.finished and (tmp_path / "stgcn-seed0" / checkpoint.BEST).stat().st_mtime_ns == before


def test_a_run_of_something_else_is_noticed_before_any_is_trained(trained: Path, toy: Path) -> None:
    longer = Preset("-tiny", epochs=(2, 1))
    with pytest.raises(UserError, match=r"stgcn-seed0 holds a run with another configuration; remove it"):
        planned(["hdgcn", "stgcn"], toy, trained, longer)
    assert not (trained / "hdgcn-seed0").exists()


def test_a_failed_run_stops_those_that_begin_with_it_and_no_other(toy: Path, tmp_path: Path) -> None:
    jobs = planned(["transm3e", "transm3e-fl-kd", "stgcn"], toy, tmp_path)
    (tmp_path / "configs" / "transm3e-seed0.toml").write_text("seed = 'none'\n")
    with pytest.raises(UserError) as caught:
        run_all(jobs, toy, QUIET)
    words = str(caught.value)
    assert "2 runs failed; the same command tries again" in words
    assert "transm3e-seed0: error:" in words and "transm3e-seed0.toml" in words
    assert "transm3e-fl-kd-seed0: begins with the branches of transm3e-seed0" in words
    assert (tmp_path / "stgcn-seed0" / "predictions.parquet").exists()


def test_the_estimate_trains_nothing(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--dataset", str(toy), "--runs", str(tmp_path), "--preset", "paper", "--only", "hdgcn"]
    app(["reproduce", *options, "--estimate"], standalone_mode=False)
    words = capsys.readouterr().out
    assert "hdgcn-seed0" in words and "1 of 1 runs are left" in words and "GPU hours" in words
    assert not (tmp_path / "hdgcn-seed0").exists()


def test_what_a_run_begins_with_is_said(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "hdgcn.pt").touch()
    options = ["--dataset", str(toy), "--runs", str(tmp_path / "runs"), "--weights", str(weights)]
    app(["reproduce", *options, "--only", "hdgcn, stgcn, transm3e-fl-kd", "--estimate"], standalone_mode=False)
    begins = {words[0]: words[-1] for words in map(str.split, capsys.readouterr().out.splitlines()) if words}
    assert begins["hdgcn-seed0"] == "hdgcn.pt" and begins["stgcn-seed0"] == "nothing"
    assert begins["transm3e-fl-kd-seed0"] == "transm3e-seed0"


def test_the_cost_of_a_run_by_hand(toy: Path, tmp_path: Path) -> None:
    """9 clips to train on, 5 to validate on and 5 to test on: two epochs, a validation at each, and one prediction."""
    (job,) = planned(["hdgcn"], toy, tmp_path, Preset("-tiny", {"optim": {"evaluate_every": 1}}, epochs=(2, 0)))
    assert job.operations == pytest.approx(operations(load(job.config)) * (2 * (3 * 9 + 5) + 10))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "huge"], "--preset: unknown 'huge'; known: tiny, small, sample, paper"),
        (["--seeds", "a"], "--seeds: 'a' must be numbers"),
        (["--only", "resnet"], "no experiment is called 'resnet'"),
        (["--only", "table 9"], "no experiment is called 'table 9'"),
        (["--scheduler", "pbs"], "--scheduler: unknown 'pbs'"),
        (["--weights", "/nowhere"], "/nowhere: no folder with weights"),
        (["--protocol", "by-hand"], "--protocol: unknown 'by-hand'"),
    ],
)
def test_a_wrong_option_is_one_line(options: list[str], message: str, toy: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        app(["reproduce", "--dataset", str(toy), "--runs", str(tmp_path), *options], standalone_mode=False)
    assert message in str(caught.value)


def test_slurm_gets_a_job_a_run_and_their_order(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stand-in for sbatch that notes what it is asked, and numbers jobs from 101."""
    asked = tmp_path / "asked"
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(f"#!/bin/sh\nprintf '%s|' \"$@\" >> {asked}\necho >> {asked}\nexpr 100 + $(wc -l < {asked})\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")
    four = Preset("-tiny", epochs=(1, 1), devices=4)
    submit(planned(["transm3e", "transm3e-fl-kd"], toy, tmp_path / "runs", four, gpus=4), toy, Console())
    first, second = asked.read_text().splitlines()
    assert "--gres=gpu:4|" in first and "--nproc-per-node=4" in first and "--dependency=singleton|" in first
    assert "training train --config" in first and "transm3e-seed0.toml" in first and "--predict" in first
    assert "--dependency=afterok:101,singleton|" in second and "transm3e-fl-kd-seed0" in second
    assert "transm3e-fl-kd-seed0: job 102" in capsys.readouterr().out


@pytest.mark.parametrize(("visible", "expected"), [(None, ["0", "1"]), ("5,7", ["5", "7"])])
def test_runs_keep_to_the_gpus_that_are_allowed(
    visible: str | None, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert places([]) == expected


def test_no_slurm_is_one_line(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = planned(["hdgcn"], toy, tmp_path / "runs")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="sbatch: not found"):
        submit(jobs, toy, QUIET)


def test_ctrl_c_stops_every_run_and_the_next_call_goes_on(toy: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    options = ["--dataset", str(toy), "--runs", str(runs), "--only", "videomae-v2-b"]
    process = subprocess.Popen(
        [sys.executable, "-m", "training", "reproduce", *options], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    last = runs / "videomae-v2-b-seed0" / checkpoint.LAST
    while not last.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and b"the same command goes on" in errors
    assert not checkpoint.describe(runs / "videomae-v2-b-seed0")["finished"]
    found = subprocess.run(["pgrep", "-f", str(runs)], capture_output=True, text=True).stdout
    assert found == "", "no process of a run is left"
    app(["reproduce", *options], standalone_mode=False)
    assert checkpoint.describe(runs / "videomae-v2-b-seed0")["finished"]
