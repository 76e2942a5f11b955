"""Older checkpoints stand in for one that cannot be read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fixtures_shards import toy_clips, write_dataset
from rich.console import Console
from test_train import QUIET, equal, last, stop_at
from toy import write_config

from pipeline.errors import UserError
from training import checkpoint, train

EVERY_STEP = {"checkpoint_steps": 1}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "0.0.1", toy_clips(["train"] * 3 + ["val"]))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps an epoch, and a checkpoint after each."""
    return write_config(tmp_path_factory.mktemp("run") / "a.toml", optim={"batch_size": 3}, run=EVERY_STEP)


@pytest.fixture(scope="module")
def whole(small: Path, config: Path) -> Path:
    """A run that nothing disturbed."""
    train.train(config, small, config.parent / "whole", QUIET)
    return config.parent / "whole"


@pytest.fixture(scope="module")
def stopped(small: Path, config: Path) -> Path:
    """A run that was stopped after four of six steps."""
    with pytest.MonkeyPatch.context() as patch:
        stop_at(4, patch)
        with pytest.raises(KeyboardInterrupt):
            train.train(config, small, config.parent / "stopped", QUIET)
    return config.parent / "stopped"


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def steps_done(path: Path) -> int:
    return len(torch.load(path, weights_only=True)["progress"]["losses"])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut_short, "checkpoint.pt: cannot be read, removed; going on from "),
        (lambda path: path.write_bytes(b""), "checkpoint.pt: cannot be read, removed; going on from "),
        (lambda path: path.write_bytes(bytes(path.stat().st_size)), "checkpoint.pt: cannot be read, removed; "),
        (Path.unlink, ""),
    ],
    ids=["cut short", "empty after a power cut", "zeros after a power cut", "killed while checkpoints were moved on"],
)
def test_the_checkpoint_before_leads_to_the_same_weights(
    damage: Callable[[Path], None],
    words: str,
    small: Path,
    config: Path,
    whole: Path,
    stopped: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    shutil.copytree(stopped, run)
    damage(run / checkpoint.LAST)
    assert steps_done(run / "checkpoint-1.pt") == 3
    train.train(config, small, run, Console())
    said = capsys.readouterr().out
    assert words in said and said.count("cannot be read") == bool(words)
    assert equal(last(run), last(whole))
    assert equal(*(torch.load(folder / checkpoint.BEST, weights_only=True) for folder in (run, whole)))
    assert [steps_done(run / name) for name in ("checkpoint.pt", "checkpoint-1.pt")] == [6, 6], "a step, and its epoch"


def test_what_cannot_be_read_does_not_take_the_place_of_what_can(
    small: Path, config: Path, stopped: Path, tmp_path: Path
) -> None:
    """Else a second power cut, before the next checkpoint but one, would leave nothing."""
    run = tmp_path / "run"
    shutil.copytree(stopped, run)
    cut_short(run / checkpoint.LAST)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(4, patch)
        with pytest.raises(KeyboardInterrupt):
            train.train(config, small, run, QUIET)
    assert [steps_done(run / name) for name in ("checkpoint.pt", "checkpoint-1.pt")] == [4, 3]


def test_without_any_that_can_be_read_nothing_is_trained_anew_or_removed(
    small: Path, config: Path, stopped: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(stopped, run)
    for path in run.glob("checkpoint*.pt"):
        cut_short(path)
    before = {path.name: path.read_bytes() for path in run.glob("checkpoint*.pt")}
    with pytest.raises(UserError, match=r"run/checkpoint.pt: cannot be read.*train anew$"):
        train.train(config, small, run, QUIET)
    assert {path.name: path.read_bytes() for path in run.glob("checkpoint*.pt")} == before and len(before) == 2


@pytest.mark.parametrize("keep", [1, 3])
def test_so_many_are_kept_as_are_asked_for(small: Path, tmp_path: Path, keep: int) -> None:
    settings = EVERY_STEP | {"keep_checkpoints": keep}
    config = write_config(tmp_path / "a.toml", optim={"batch_size": 3}, run=settings)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(5, patch)
        with pytest.raises(KeyboardInterrupt):
            train.train(config, small, tmp_path / "run", QUIET)
    kept = {path.name: steps_done(path) for path in (tmp_path / "run").glob("checkpoint*")}
    assert kept == dict([("checkpoint.pt", 5), ("checkpoint-1.pt", 4), ("checkpoint-2.pt", 3)][:keep])
