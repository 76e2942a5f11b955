from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch
from fixtures_shards import toy_clips, write_dataset
from toy import write_config

from pipeline.errors import UserError
from training import checkpoint
from training.cli import app
from training.config import load

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "training" / "configs").glob("*.toml"))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "0.0.1", toy_clips(), ("rgb", "skeleton"))


def command(name: str, tmp_path: Path, dataset: Path, *more: str) -> list[str]:
    return [name, "--dataset", str(dataset), "--runs", str(tmp_path / "runs"), *more]


def test_train_then_evaluate_twice(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for model in ("hdgcn_tiny", "transm3e_tiny"):
        epochs = {"epochs_branches": 1, "epochs_joint": int(model == "transm3e_tiny")}
        config = write_config(tmp_path / f"{model}.toml", model={"name": model}, optim=epochs)
        app(command("train", tmp_path, toy.parent, "--config", str(config)), standalone_mode=False)
    written = []
    for _ in range(2):
        app(
            command("evaluate", tmp_path, toy.parent, "--out", str(tmp_path / "tables")),
            standalone_mode=False,
        )
        written.append((tmp_path / "runs" / "transm3e_tiny" / "predictions.parquet").stat().st_mtime_ns)
    assert written[0] == written[1], "finished predictions are not made again"
    shown = capsys.readouterr().out
    assert "hdgcn" in shown and "transm3e" in shown and "All Ones" in shown
    saved = pd.read_parquet(tmp_path / "runs" / "hdgcn_tiny" / "predictions.parquet")
    expected = {clip.key: (clip.source, clip.activity, clip.split) for clip in toy_clips() if clip.split != "train"}
    found = {row.key: (row.source, row.activity, row.split) for row in saved.itertuples()}
    assert found == expected
    assert all(len(p) == 20 and min(p) >= 0 and max(p) <= 1 for p in saved["y_prob"])


def test_an_unfinished_run_has_no_row_but_a_line(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = {"config": "", "manifest": "", "dataset": ""}
    checkpoint.open_folder(tmp_path / "runs" / "begun", "", about)
    app(command("evaluate", tmp_path, toy, "--out", str(tmp_path / "tables")), standalone_mode=False)
    assert "begun: not finished" in capsys.readouterr().out.replace("\n", "")


def test_ctrl_c_loses_nothing_finished(toy: Path, tmp_path: Path) -> None:
    """A real process, a real signal: exit 130, one line, and a checkpoint that is whole."""
    config = write_config(tmp_path / "a.toml", optim={"epochs_branches": 400})
    arguments = [sys.executable, "-m", "training", *command("train", tmp_path, toy, "--config", str(config))]
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    saved = tmp_path / "runs" / "a" / checkpoint.LAST
    deadline = time.monotonic() + 60
    while not saved.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped" in words and "Traceback" not in words
    done = torch.load(saved, weights_only=True)["progress"]["epoch"]
    assert done >= 1
    assert json.loads((tmp_path / "runs" / "a" / checkpoint.RUN).read_text())["finished"] is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[optim]\nlearning_rte = 1.0", "learning_rte"),
        ("[model]\nhead = 'sofmax'", "head must be softmax or sigmoid"),
        ("[data]\nframes = 0", "at least 1"),
        ("[data]\nprotocol = 'mine'", "protocol"),
        ("[augment]\nflip = 2.0", "flip"),
        ("workers = 2\n[data]\ncache = true", "cache needs workers = 0"),
        ("[optim]\nepochs_branches = 0", "at least one epoch"),
        ("[model]\nname = 'resnet'", "resnet"),
        ("[model]\nname = 'hdgcn'\noptions = {layer = 4}", "layer"),
    ],
)
def test_a_configuration_that_cannot_be_used_names_the_key(text: str, words: str, toy: Path, tmp_path: Path) -> None:
    config = tmp_path / "bad.toml"
    config.write_text(text)
    with pytest.raises(UserError, match=words):
        app(command("train", tmp_path, toy, "--config", str(config)), standalone_mode=False)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_shipped_configurations_can_be_used(path: Path) -> None:
    assert load(path).optim.epochs > 0


def test_a_missing_dataset_is_one_line(tmp_path: Path) -> None:
    config = write_config(tmp_path / "a.toml")
    with pytest.raises(UserError, match="nowhere"):
        app(command("train", tmp_path, tmp_path / "nowhere", "--config", str(config)), standalone_mode=False)


def test_the_digest_is_of_what_decides_the_result(tmp_path: Path) -> None:
    plain = load(write_config(tmp_path / "a.toml")).digest()
    assert load(write_config(tmp_path / "a.toml", run={"checkpoint_steps": 5, "workers": 3})).digest() == plain
    assert load(write_config(tmp_path / "a.toml", run={"seed": 1})).digest() != plain
    assert load(write_config(tmp_path / "a.toml", model={"head": "softmax"})).digest() != plain
