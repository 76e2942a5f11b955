"""Several processes, and lower precision, against one process in full precision."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fixtures_shards import toy_clips, write_dataset
from test_train import QUIET, last
from toy import write_config

from training import checkpoint, train
from training.models import build
from training.predict import PREDICTIONS, predict_run

ROOT = Path(__file__).parents[2]
PLAIN = {"operations": 0, "erase": 0.0, "flip": 0.0, "jitter": 0.0}
"""No augmentation: each process draws its own."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine clips to train on, five to validate on."""
    clips = toy_clips(["train"] * 3 + ["val"])
    return write_dataset(tmp_path_factory.mktemp("data") / "0.0.1", clips, ("rgb",))


def config(path: Path, batch_size: int, epochs: int = 2, **run: Any) -> Path:
    """MViTv2: its norms, unlike those of HD-GCN, do not look at the other clips of a batch."""
    optim = {"epochs_branches": epochs, "batch_size": batch_size, "learning_rate": 1e-3, "warmup_epochs": 0.0}
    model = {"name": "mvit_tiny", "options": {}}
    return write_config(path, model=model, data={"frames": 4}, augment=PLAIN, optim=optim, run={"threads": 1, **run})


def outputs(weights: dict[str, torch.Tensor] | None = None) -> np.ndarray:
    """What MViTv2 says to three clips of noise; without weights, as every run here begins."""
    torch.manual_seed(0)
    model = build("mvit_tiny").eval()
    if weights:
        model.load_state_dict(weights)
    with torch.no_grad():
        return model({"rgb": torch.randn(3, 3, 4, 64, 64)}).logits["rgb"].numpy()


def in_two_processes(
    program: list[str], config: Path, dataset: Path, runs: Path, *more: str
) -> subprocess.CompletedProcess[str]:
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *program]
    arguments = ["train", "--config", str(config), "--dataset", str(dataset), "--runs", str(runs), *more]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*started, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def test_two_processes_train_as_one_does_with_all_their_clips(small: Path, tmp_path: Path) -> None:
    """Three clips a step: two for the one process, one for the other, and each clip counts alike."""
    train.train(config(tmp_path / "one.toml", 4), small, tmp_path / "runs" / "one", QUIET)
    done = in_two_processes(["-m", "training"], config(tmp_path / "two.toml", 2), small, tmp_path / "runs")
    assert done.stdout.count("epoch 2: known-val mAP") == 1, "one of them speaks"
    one, two = (checkpoint.describe(tmp_path / "runs" / name) for name in ("one", "two"))
    assert two["finished"] and one["steps"] == two["steps"] == 6
    assert two["best"] == pytest.approx(one["best"], abs=1e-3)
    one, two = (outputs(last(tmp_path / "runs" / name)["model"]) for name in ("one", "two"))
    assert np.allclose(one, two, atol=1e-4)
    assert np.abs(one - outputs()).max() > 0.1, "they learnt something"


SLOW_TO_WRITE = """
import time
from pipeline.terminal import run_app
from training import checkpoint

save = checkpoint.save_weights
checkpoint.save_weights = lambda *args: (time.sleep(2), save(*args))
run_app("training.cli")
"""


def test_processes_that_predict_after_training_wait_for_the_best_weights(small: Path, tmp_path: Path) -> None:
    """The first one writes them; the other must not go ahead with what was there before, here nothing."""
    (tmp_path / "slow.py").write_text(SLOW_TO_WRITE)
    runs, path = tmp_path / "runs", config(tmp_path / "two.toml", 2, epochs=1)
    in_two_processes([str(tmp_path / "slow.py")], path, small, runs, "--predict")
    together = probabilities(runs / "two")
    (runs / "two" / PREDICTIONS).unlink()
    predict_run(runs / "two", small, QUIET)
    assert np.allclose(together, probabilities(runs / "two"), atol=1e-5)


def probabilities(run: Path) -> np.ndarray:
    return np.stack(pd.read_parquet(run / PREDICTIONS)["y_prob"].tolist())


def test_bf16_computes_roughly_the_same_and_keeps_whole_weights(small: Path, tmp_path: Path) -> None:
    losses = []
    for precision in ("32-true", "bf16-mixed"):
        train.train(config(tmp_path / "a.toml", 4, precision=precision), small, tmp_path / precision, QUIET)
        end = last(tmp_path / precision)
        losses.append(end["progress"]["losses"])
        assert {weight.dtype for weight in end["model"].values()} == {torch.float32}
    assert losses[0] != losses[1] and np.allclose(*losses, atol=0.02)
