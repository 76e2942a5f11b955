from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from fixtures_shards import toy_clips, write_dataset
from sklearn.metrics import average_precision_score
from toy import write_config
from typer.testing import CliRunner

from pipeline.errors import UserError
from pipeline.files import locked
from training import checkpoint
from training.cli import app
from training.config import load
from training.models import build

ROOT = Path(__file__).parents[2]
PUBLISHED_FRAMES = {"c2d": 8, "i3d": 8, "slow": 8, "slowfast": 32, "swin-s": 32, "swin-b": 32, "mvit-b": 32}
"""Of models that were published for another number than the paper's 16."""

CONFIGS = sorted((ROOT / "training" / "configs").glob("*.toml"))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "0.0.1", toy_clips(), ("rgb", "skeleton"))


def command(name: str, tmp_path: Path, dataset: Path, *more: str) -> list[str]:
    return [name, "--dataset", str(dataset), "--runs", str(tmp_path / "runs"), *more]


def test_train_then_evaluate_twice(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for model in ("hdgcn_tiny", "transm3e_tiny"):
        epochs = {"epochs_branches": 1, "epochs_joint": int(model == "transm3e_tiny")}
        config = write_config(tmp_path / f"{model}.toml", model={"name": model, "options": {}}, optim=epochs)
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


def test_other_views_predict_again_and_train_nothing(toy: Path, whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    shutil.copytree(whole, run)
    weights = (run / checkpoint.BEST).read_bytes()
    scores = []
    for looks in ({"views": 1}, {"views": 4, "crops": 3}):
        config = write_config(tmp_path / "a.toml", data=looks, **SHORT)
        app(command("train", tmp_path, toy, "--config", str(config)), standalone_mode=False)
        app(command("evaluate", tmp_path, toy, "--out", str(tmp_path / "tables")), standalone_mode=False)
        scores.append(np.stack(pd.read_parquet(run / "predictions.parquet")["y_prob"].tolist()))
    assert not np.array_equal(*scores)
    assert pq.read_schema(run / "predictions.parquet").metadata[b"views"] == b"4 x 3"
    assert (run / checkpoint.BEST).read_bytes() == weights


def test_an_unfinished_run_has_no_row_but_a_line(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = {"config": "", "manifest": "", "dataset": ""}
    checkpoint.open_folder(tmp_path / "runs" / "begun", "", about)
    app(command("evaluate", tmp_path, toy, "--out", str(tmp_path / "tables")), standalone_mode=False)
    assert "begun: not finished" in capsys.readouterr().out.replace("\n", "")


def test_scoring_on_another_version_than_the_trained_one_is_said(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path / "a.toml", optim={"epochs_branches": 1})
    app(command("train", tmp_path, toy, "--config", str(config)), standalone_mode=False)
    other = write_dataset(tmp_path / "data" / "0.0.1", toy_clips(["train", "train", "val", "test"]))
    for dataset, said in ((toy, False), (other, True)):
        app(command("evaluate", tmp_path, dataset, "--out", str(tmp_path / "tables")), standalone_mode=False)
        assert ("trained on version 0.0.1, not on this one" in capsys.readouterr().out) is said


SHORT: dict[str, dict[str, Any]] = {"optim": {"epochs_branches": 4}, "run": {"checkpoint_steps": 1}}


@pytest.fixture(scope="module")
def whole(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    config = write_config(folder / "a.toml", **SHORT)
    app(command("train", folder, toy, "--config", str(config)), standalone_mode=False)
    return folder / "runs" / "a"


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [(signal.SIGINT, 130, "stopped"), (signal.SIGKILL, -signal.SIGKILL, "")],
    ids=["Ctrl-C", "killed"],
)
def test_a_process_that_is_stopped_goes_on_to_the_same_weights(
    toy: Path, whole: Path, tmp_path: Path, how: signal.Signals, code: int, words: str
) -> None:
    config = write_config(tmp_path / "a.toml", **SHORT)
    arguments = command("train", tmp_path, toy, "--config", str(config))
    process = subprocess.Popen(
        [sys.executable, "-m", "training", *arguments],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    stopped = tmp_path / "runs" / "a"
    deadline = time.monotonic() + 60
    while not (stopped / checkpoint.LAST).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert words in said and "Traceback" not in said
    assert json.loads((stopped / checkpoint.RUN).read_text())["finished"] is False
    app(arguments, standalone_mode=False)
    for name in (checkpoint.LAST, checkpoint.BEST):
        assert (stopped / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[optim]\nlearning_rte = 1.0", "learning_rte"),
        ("[model]\nhead = 'sofmax'", "head must be softmax or sigmoid"),
        ("[data]\nframes = 0", "at least 1"),
        ("[data]\nprotocol = 'mine'", "protocol"),
        ("[data]\ncrops = 2", "data.crops must be one of 1, 3"),
        ("keep_checkpoints = 0", "keep_checkpoints must be at least 1"),
        ("[augment]\nflip = 2.0", "flip"),
        ("workers = 2\n[data]\ncache = true", "cache needs workers = 0"),
        ("[optim]\nepochs_branches = 0", "at least one epoch"),
        ("[model]\nname = 'resnet'", "resnet"),
        ("[model]\nname = 'hdgcn'\noptions = {layer = 4}", "layer"),
        ("[model]\nname = 'hdgcn_tiny'\n[optim]\nepochs_joint = 1", "hdgcn_tiny has no joint phase"),
        ("seed = -1", "seed"),
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
    config = load(path)
    with torch.device("meta"):
        model = build(config.model.name, **config.model.options)
    assert (config.optim.epochs_joint > 0) == path.stem.startswith("transm3e"), "two branches, two phases"
    if path.stem.endswith("-tiny"):
        assert config.workers == 0 and config.data.cache and config.threads == 1
        assert sum(weight.numel() for weight in model.parameters()) < 1e6
    else:
        frames = PUBLISHED_FRAMES.get(path.stem, 16)
        assert (config.model.head, config.data.frames, config.data.size) == ("softmax", frames, 224)


def test_without_runs_the_table_has_the_baselines(toy: Path, tmp_path: Path) -> None:
    """Against scikit-learn on labels read by tarfile; Random by its definition, which does not depend on the clips."""
    app(command("evaluate", tmp_path, toy, "--out", str(tmp_path / "tables")), standalone_mode=False)
    found = pd.read_csv(tmp_path / "tables" / "results.csv").set_index(["run", "column"])["mAP"]
    assert list(found.index.unique("run")) == ["Random", "All Ones"]
    with tarfile.open(toy / "label-000000.tar") as tar:
        labels = {member.name.split(".")[0]: json.load(tar.extractfile(member)) for member in tar}
    keys = [clip.key for clip in toy_clips() if clip.split == "known-val"]
    truth = np.array([labels[key]["muscles"] for key in keys])
    truth = truth[:, truth.any(axis=0)]
    assert found["All Ones", "known val"] == pytest.approx(truth.mean())
    assert found["All Ones", "known val"] == pytest.approx(average_precision_score(truth, np.ones(truth.shape)))
    saved = pd.read_parquet(tmp_path / "runs" / "random" / "predictions.parquet")
    scores = np.stack(saved["y_prob"].tolist())
    assert 0.4 < scores.mean() < 0.6 and len(np.unique(scores)) == scores.size


def test_a_run_that_another_process_trains_is_refused(toy: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "a.toml")
    with (
        locked(tmp_path / "runs" / "a", "run"),
        pytest.raises(UserError, match="runs/a: another process is using this run; wait for it"),
    ):
        app(command("train", tmp_path, toy, "--config", str(config)), standalone_mode=False)


def test_the_table_fits_a_terminal(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(command("evaluate", tmp_path, toy, "--out", str(tmp_path / "tables")), standalone_mode=False)
    table, _, _ = capsys.readouterr().out.partition("written to")
    assert "…" not in table and max(map(len, table.splitlines())) <= 80


def test_a_missing_dataset_is_one_line(tmp_path: Path) -> None:
    config = write_config(tmp_path / "a.toml")
    with pytest.raises(UserError, match="nowhere"):
        app(command("train", tmp_path, tmp_path / "nowhere", "--config", str(config)), standalone_mode=False)


def test_the_digest_is_of_what_decides_the_result(tmp_path: Path) -> None:
    plain = load(write_config(tmp_path / "a.toml")).digest()
    how = {"workers": 3, "checkpoint_steps": 5, "keep_checkpoints": 4, "compile": True}
    read = {"data": {"cache": False, "views": 3, "crops": 3}, "run": how}
    assert load(write_config(tmp_path / "a.toml", **read)).digest() == plain
    assert load(write_config(tmp_path / "a.toml", run={"seed": 1})).digest() != plain
    assert load(write_config(tmp_path / "a.toml", model={"head": "softmax"})).digest() != plain


@pytest.mark.parametrize(
    ("variables", "config"),
    [
        (["MODEL=slow"], "training/configs/slow.toml"),
        (["CONFIG=my settings.toml"], "my settings.toml"),
        (["MODEL=slow", "CONFIG=mine.toml"], "mine.toml"),
    ],
)
def test_make_trains_a_shipped_model_or_your_own_configuration(variables: list[str], config: str) -> None:
    planned = subprocess.run(["make", "-n", "train", *variables], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = (line for line in planned.stdout.splitlines() if "training train" in line)
    assert shlex.split(line)[shlex.split(line).index("--config") + 1] == config


def test_help_says_what_happens_without_an_option() -> None:
    shown = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "160"}).output
    assert "that of the configuration" in shown
