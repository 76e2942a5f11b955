"""The folder of a run: what it is, where it stands, and its best weights. Every file is replaced whole.

runs/<name>/ config.toml      the configuration, as it was given last
             run.json         what it was trained on, and whether it is finished
             checkpoint.pt    where training goes on from; checkpoint-1.pt is the one before
             best.pt          the weights with the best validation, and only those
             branches.pt      the weights when each branch has learnt alone, of a model with two phases
             tensorboard/
"""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from pipeline.errors import UserError
from pipeline.files import replacing, write_text
from pipeline.reader import Dataset
from pipeline.records import file_sha256
from pipeline.release import MANIFEST, versions_in
from training.config import Config, load
from training.models import Model, build

CONFIG, RUN, LAST, BEST, BRANCHES = "config.toml", "run.json", "checkpoint.pt", "best.pt", "branches.pt"


@dataclass
class Progress:
    """How far training is. Nothing random is kept: all that is random follows from (seed, epoch, step)."""

    epoch: int = 0
    """The epoch that is under way, or comes next."""
    position: int = 0
    """Clips of it that are done, over all devices."""
    losses: list[float] = field(default_factory=list)
    """The loss of every step so far, on the first device."""
    best: dict[str, float] = field(default_factory=dict)
    """mAP in 0..1 of the best weights so far, by validation split that has clips."""

    @property
    def step(self) -> int:
        return len(self.losses)


def identity(config: Config, dataset: Dataset) -> dict[str, str]:
    """What a run's result depends on: digest of the configuration, and the dataset."""
    return {"config": config.digest(), **dataset_identity(dataset)}


def dataset_identity(dataset: Dataset) -> dict[str, str]:
    """Version of the dataset, and digest of its manifest."""
    return {"dataset": dataset.manifest["version"], "manifest": file_sha256(dataset.root / MANIFEST)}


def open_folder(folder: Path, config_text: str, about: dict[str, str]) -> bool:
    """Makes the folder of a run, or takes it up again; returns whether the run is finished.

    The configuration is kept as it was given last: parts of it that do not decide the weights may change.
    Raises UserError if the folder is of a run with another configuration or dataset.
    """
    require_same(folder, about)
    begun = (folder / RUN).is_file()
    write_text(folder / CONFIG, config_text)
    if not begun:
        _describe(folder, {**about, "finished": False})
    return bool(describe(folder)["finished"])


def require_same(folder: Path, about: dict[str, str]) -> None:
    """Raises UserError if the folder holds a run with another configuration or dataset than this `identity`."""
    found = describe(folder) if (folder / RUN).is_file() else about
    for name, words in (("config", "another configuration"), ("manifest", "other shards")):
        if found[name] != about[name]:
            raise UserError(f"{folder} holds a run with {words}; remove it, or give this one another name")


def describe(folder: Path) -> dict[str, Any]:
    """What run.json says: `identity`, code, whether finished, and then the best validation and the sizes."""
    description: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    return description


def finished(folder: Path) -> dict[str, Any]:
    """What run.json says of a finished run. Raises UserError if it is missing or not finished."""
    if not (folder / RUN).is_file():
        raise UserError(f"{folder}: no run here; train one (make train MODEL=…), or name its folder (RUN=…)")
    about = describe(folder)
    if not about["finished"]:
        raise UserError(f"{folder}: this run is not finished; `make train` goes on with it")
    if not (folder / BEST).is_file():
        raise UserError(f"{folder}: {BEST} is missing; copy it from where the run was trained, or train it again")
    return about


def trained_on(folder: Path, dataset: Path) -> Path:
    """The folder of the version that a finished run was trained on: `dataset`, or one in it.

    Raises UserError if it is not there, or the run is not finished.
    """
    about = finished(folder)
    versions = [dataset] if (dataset / MANIFEST).is_file() else versions_in(dataset)
    for root in versions:
        if file_sha256(root / MANIFEST) == about["manifest"]:
            return root
    there = f"has {', '.join(path.name for path in versions)} with other shards" if versions else "is no dataset"
    raise UserError(
        f"{folder} was trained on version {about['dataset']}; {dataset} {there}: name that version's folder (DATASET=…)"
    )


def finish(folder: Path, facts: dict[str, Any]) -> None:
    """Marks a run as finished."""
    _describe(folder, {**describe(folder), **facts, "finished": True})


def _describe(folder: Path, description: dict[str, Any]) -> None:
    code = {"code": version("musclemap")}
    write_text(folder / RUN, json.dumps(description | code, indent=2) + "\n")


def save(
    folder: Path,
    model: nn.Module,
    average: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    keep: int,
) -> None:
    """Writes checkpoint.pt, of which the last `keep` are kept; `average` of the weights where the run keeps one."""
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "progress": asdict(progress)}
    if average:
        state["average"] = average.state_dict()
    with replacing(folder / LAST) as part:
        torch.save(state, part)
        for older, newer in pairwise(reversed(checkpoints(folder, keep))):
            if newer.exists():
                newer.replace(older)


def checkpoints(folder: Path, keep: int) -> list[Path]:
    """Where the last `keep` checkpoints are, newest first."""
    return [folder / LAST, *(folder / f"checkpoint-{age}.pt" for age in range(1, keep))]


def restore(
    folder: Path,
    model: nn.Module,
    average: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    keep: int,
    console: Console,
) -> Progress:
    """Loads the newest checkpoint into model, average and optimizer; where there is none, a start from nothing."""
    state = _newest(checkpoints(folder, keep), console)
    if not state:
        return Progress()
    model.load_state_dict(state["model"])
    if average:
        average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return Progress(**state["progress"])


def _newest(paths: list[Path], console: Console) -> dict[str, Any]:
    """What the first of the files holds; nothing if there is none.

    One that cannot be read is removed for an older one, in so many words. Raises UserError if there is no older one.
    """
    unreadable: list[Path] = []
    for path in paths:
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            continue
        except (EOFError, LookupError, RuntimeError, pickle.UnpicklingError):
            unreadable.append(path)
            continue
        for broken in unreadable:
            console.print(f"{broken}: cannot be read, removed; going on from {path}", soft_wrap=True, markup=False)
            broken.unlink(missing_ok=True)  # another device may have been first
        return state
    if unreadable:
        raise UserError(f"{unreadable[0]}: cannot be read, nor can one before it; remove its folder to train anew")
    return {}


def save_weights(path: Path, model: nn.Module) -> None:
    """Writes best.pt or branches.pt."""
    with replacing(path) as part:
        torch.save(model.state_dict(), part)


def trained(folder: Path) -> tuple[Config, Model]:
    """The configuration of a finished run, and its model with the best weights, on the CPU.

    Raises UserError if the run is missing or not finished.
    """
    finished(folder)
    config = load(folder / CONFIG)
    model = build(config.model.name, **config.model.options)
    load_best(folder, model)
    return config, model


def load_best(folder: Path, model: nn.Module) -> None:
    """Loads best.pt."""
    model.load_state_dict(torch.load(folder / BEST, map_location="cpu", weights_only=True))
