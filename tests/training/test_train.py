from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fixtures_shards import toy_clips, write_dataset
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.nn import functional as F
from toy import HDGCN, write_config

from pipeline.errors import UserError
from pipeline.reader import Dataset
from training import checkpoint, train
from training.models import Output
from training.results import metrics

QUIET = Console(quiet=True)
BOTH = {"name": "transm3e_tiny", "head": "softmax", "options": {"skeleton": {"widths": [16, 32]}}}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "0.0.1", toy_clips(), ("rgb", "skeleton"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine clips to train on, five to validate on; decoding is what takes the time."""
    clips = toy_clips(["train"] * 3 + ["val"])
    return write_dataset(tmp_path_factory.mktemp("data") / "0.0.1", clips, ("rgb", "skeleton"))


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at one step."""
    real = train.train_step

    def stopping(run: train.Run, batch: Any) -> float:
        if run.progress.step == step:
            raise KeyboardInterrupt
        return real(run, batch)

    monkeypatch.setattr(train, "train_step", stopping)


def last(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / checkpoint.LAST, weights_only=True)
    return state


def equal(a: Any, b: Any) -> bool:
    """Bit for bit, tensors in nested containers."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


@pytest.mark.parametrize(
    ("model", "stops"),
    [(HDGCN["model"], (4, 5)), (BOTH, (4, 9))],
    ids=["one phase, stopped twice", "two phases, stopped in each"],
)
def test_a_stopped_and_resumed_run_equals_an_undisturbed_one(
    small: Path, tmp_path: Path, model: dict[str, Any], stops: tuple[int, ...]
) -> None:
    # Nine clips in batches of three: three steps an epoch; checkpoints after each second step and each epoch.
    epochs = {"epochs_branches": 2, "epochs_joint": 2 if model is BOTH else 0}
    optim = epochs | {"batch_size": 3, "average_decay": 0.9}
    moves = {"operations": 4, "erase": 0.25} if model is BOTH else {}
    config = write_config(tmp_path / "a.toml", model=model, augment=moves, optim=optim, run={"checkpoint_steps": 2})
    train.train(config, small, tmp_path / "whole", QUIET)
    for step in stops:
        with pytest.MonkeyPatch.context() as patch:
            stop_at(step, patch)
            with pytest.raises(KeyboardInterrupt):
                train.train(config, small, tmp_path / "stopped", QUIET)
    train.train(config, small, tmp_path / "stopped", QUIET)
    assert len(last(tmp_path / "whole")["progress"]["losses"]) == 3 * sum(epochs.values())
    assert equal(last(tmp_path / "whole"), last(tmp_path / "stopped"))
    bests = [torch.load(tmp_path / name / checkpoint.BEST, weights_only=True) for name in ("whole", "stopped")]
    assert equal(*bests)
    curves = [_curve(tmp_path / name) for name in ("whole", "stopped")]
    assert curves[0] == curves[1] and len(curves[0]) == 3 * sum(epochs.values())


def _curve(folder: Path) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("train/loss")]


def test_another_seed_is_another_run(small: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        config = write_config(tmp_path / "a.toml", optim={"epochs_branches": 1}, run={"seed": seed})
        train.train(config, small, tmp_path / str(seed), QUIET)
    assert not equal(last(tmp_path / "0")["model"], last(tmp_path / "1")["model"])


def test_what_can_be_learnt_is_learnt(toy: Path, tmp_path: Path) -> None:
    """Limbs that move tell the label: clips of videos not trained on come out far above chance."""
    config = write_config(tmp_path / "a.toml", optim={"epochs_branches": 15})
    train.train(config, toy, tmp_path / "run", QUIET)
    known = [clip for clip in toy_clips() if clip.split == "known-val"]
    dataset = Dataset(toy, ("skeleton",))
    truth = np.array([dataset.label(dataset.keys.index(clip.key))["muscles"] for clip in known])
    all_ones = metrics.mean_average_precision(truth, np.ones(truth.shape))
    assert all_ones == pytest.approx(1 / 3)
    run = checkpoint.describe(tmp_path / "run")
    assert run["finished"] and run["best"]["known-val"] > all_ones + 0.3


def test_a_run_can_start_from_published_weights(toy: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "a.toml", optim={"epochs_branches": 1})
    train.train(config, toy, tmp_path / "first", QUIET)
    start = {"pretrained": {"": str(tmp_path / "first" / checkpoint.BEST)}}
    config = write_config(tmp_path / "b.toml", model=start, optim={"epochs_branches": 1, "learning_rate": 1e-9})
    train.train(config, toy, tmp_path / "second", QUIET)
    first, second = last(tmp_path / "first")["model"], last(tmp_path / "second")["model"]
    assert torch.allclose(first["fc.weight"], second["fc.weight"], atol=1e-6)


def test_a_finished_run_is_left_alone(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path / "a.toml", optim={"epochs_branches": 1})
    train.train(config, toy, tmp_path / "run", QUIET)
    before = (tmp_path / "run" / checkpoint.LAST).stat().st_mtime_ns
    write_config(tmp_path / "a.toml", optim={"epochs_branches": 1}, run={"checkpoint_steps": 7})
    train.train(config, toy, tmp_path / "run", Console())
    assert "already trained" in capsys.readouterr().out
    assert (tmp_path / "run" / checkpoint.LAST).stat().st_mtime_ns == before


def test_a_folder_of_another_run_is_refused(toy: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "a.toml", optim={"epochs_branches": 1})
    train.train(config, toy, tmp_path / "run", QUIET)
    write_config(tmp_path / "a.toml", optim={"epochs_branches": 2})
    with pytest.raises(UserError, match="another configuration"):
        train.train(config, toy, tmp_path / "run", QUIET)
    write_config(tmp_path / "a.toml", optim={"epochs_branches": 1})
    other = write_dataset(tmp_path / "0.0.1", toy_clips(["train"] * 3))
    with pytest.raises(UserError, match="other shards"):
        train.train(config, other, tmp_path / "run", QUIET)


def test_a_clip_that_is_not_finite_stops_the_run_with_its_key(tmp_path: Path) -> None:
    clips = toy_clips()
    bad = next(i for i, clip in enumerate(clips) if clip.split == "train")
    joints = clips[bad].joints.copy()
    joints[:, 3] = np.nan
    clips[bad] = dataclasses.replace(clips[bad], joints=joints)
    root = write_dataset(tmp_path / "0.0.1", clips)
    config = write_config(tmp_path / "a.toml", optim={"epochs_branches": 1})
    with pytest.raises(UserError, match=f"not a finite number.* skeleton of {clips[bad].key}$"):
        train.train(config, root, tmp_path / "run", QUIET)


def test_a_learning_rate_that_is_too_large_stops_the_run_and_leaves_the_last_good_checkpoint(
    toy: Path, tmp_path: Path
) -> None:
    huge = {"epochs_branches": 4, "learning_rate": 1e30, "warmup_epochs": 0.0}
    config = write_config(tmp_path / "a.toml", optim=huge, run={"checkpoint_steps": 1})
    keys = {clip.key for clip in toy_clips() if clip.split == "train"}
    with pytest.raises(UserError, match=r"^step 1: .*a smaller learning rate may help$") as stopped:
        train.train(config, toy, tmp_path / "run", QUIET)
    message = str(stopped.value)
    assert "\n" not in message and any(key in message for key in keys)
    state = last(tmp_path / "run")
    assert len(state["progress"]["losses"]) == 1 and np.isfinite(state["progress"]["losses"]).all()
    assert all(torch.isfinite(weight).all() for weight in state["model"].values())
    assert not checkpoint.describe(tmp_path / "run")["finished"]


def test_a_gradient_that_is_not_finite_changes_no_weight(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss may be finite and its gradient not: here the slope of |x - x| ** 0.5, which is infinite at 0."""
    real = train.clip_losses

    def steep(output: Output, target: torch.Tensor, head: str) -> torch.Tensor:
        zero = next(iter(output.logits.values()))
        return real(output, target, head) + (zero - zero.detach()).abs().sum() ** 0.5

    monkeypatch.setattr(train, "clip_losses", steep)
    weights: list[torch.Tensor] = []
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda *_, **__: weights.append(torch.zeros(1)))
    with pytest.raises(UserError, match=r"^step 0: the gradient is not finite, of "):
        train.train(write_config(tmp_path / "a.toml"), toy, tmp_path / "run", QUIET)
    assert not weights, "no step was taken"


def test_the_average_of_the_weights_is_what_predicts(small: Path, tmp_path: Path) -> None:
    """The average, by hand from the weights after each step, is what best.pt holds."""
    after: list[torch.Tensor] = []
    real = train.train_step

    def watching(run: train.Run, batch: Any) -> float:
        if not after:
            after.append(run.bare.state_dict()["fc.weight"].clone())
        loss = real(run, batch)
        after.append(run.bare.state_dict()["fc.weight"].clone())
        return loss

    config = write_config(tmp_path / "a.toml", optim={"epochs_branches": 1, "batch_size": 3, "average_decay": 0.15})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "train_step", watching)
        train.train(config, small, tmp_path / "run", QUIET)
    average = after[0]
    for decay, weight in zip((1 / 10, 0.15, 0.15), after[1:], strict=True):  # 2 / 11 and 3 / 12 are above 0.15
        average = decay * average + (1 - decay) * weight
    best = torch.load(tmp_path / "run" / checkpoint.BEST, weights_only=True)
    assert torch.allclose(best["fc.weight"], average, atol=1e-6)
    assert not torch.allclose(best["fc.weight"], after[-1], atol=1e-6)


def test_tensorboard_shows_learning_rate_and_throughput(small: Path, tmp_path: Path) -> None:
    optim = {"epochs_branches": 1, "batch_size": 3, "learning_rate": 0.03, "warmup_epochs": 1.0}
    train.train(write_config(tmp_path / "a.toml", optim=optim), small, tmp_path / "run", QUIET)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [event.value for event in events.Scalars("train/learning rate")] == pytest.approx([0.01, 0.02, 0.03])
    assert all(event.value > 0 for event in events.Scalars("train/clips per second"))
    assert {"train/loss", "train/data wait", "train/gradient norm", "val/known-val"} <= set(events.Tags()["scalars"])


def test_without_training_clips_there_is_no_run(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "0.0.1", toy_clips(["val", "test"]))
    config = write_config(tmp_path / "a.toml")
    with pytest.raises(UserError, match="no clip is for training"):
        train.train(config, root, tmp_path / "run", QUIET)


def test_without_validation_clips_the_last_weights_are_kept(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "0.0.1", toy_clips(["train"] * 4))
    config = write_config(tmp_path / "a.toml")
    train.train(config, root, tmp_path / "run", QUIET)
    best = torch.load(tmp_path / "run" / checkpoint.BEST, weights_only=True)
    assert equal(best, last(tmp_path / "run")["model"])


def validations(values: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the validations will find: one number for both splits each time."""
    numbers = iter([value for value in values for _ in train.VALIDATION])
    monkeypatch.setattr(train.metrics, "mean_average_precision", lambda truth, scores: next(numbers))


def test_the_best_weights_are_kept(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write_config(tmp_path / "a.toml", optim={"epochs_branches": 3})
    validations([0.4, 0.6, 0.5], monkeypatch)
    kept: list[int] = []
    monkeypatch.setattr(checkpoint, "save_weights", lambda path, model: kept.append(len(kept)))
    train.train(config, toy, tmp_path / "run", QUIET)
    assert kept == [0, 1], "the first is the best so far, the second is better, the third is not"
    assert checkpoint.describe(tmp_path / "run")["best"] == {"known-val": 0.6, "new-val": 0.6}


def test_weights_of_the_first_phase_do_not_compete(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(tmp_path / "a.toml", model=BOTH, optim={"epochs_branches": 1, "epochs_joint": 1})
    validations([0.9, 0.5], monkeypatch)
    train.train(config, small, tmp_path / "run", QUIET)
    best = torch.load(tmp_path / "run" / checkpoint.BEST, weights_only=True)
    assert equal(best, last(tmp_path / "run")["model"])


def test_losses_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]], requires_grad=True)
    target = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    for head, activation in (("sigmoid", torch.sigmoid), ("softmax", lambda x: x.softmax(dim=1))):
        both = train.clip_losses(Output({"rgb": logits, "skeleton": -logits}, {}, None), target, head)
        by_hand = [F.binary_cross_entropy(activation(x), target, reduction="none").mean(1) for x in (logits, -logits)]
        assert torch.allclose(both, (by_hand[0] + by_hand[1]) / 2)


def test_a_certain_softmax_has_finite_loss_and_gradient() -> None:
    logits = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    loss = train.clip_losses(Output({"rgb": logits}, {}, None), torch.tensor([[0.0, 1.0, 1.0]]), "softmax").sum()
    loss.backward()
    assert torch.isfinite(loss) and logits.grad is not None and torch.isfinite(logits.grad).all()
