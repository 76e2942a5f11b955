"""The saved predictions of many runs, scored: what the paper's tables are put together from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from pipeline.reader import Dataset
from training import checkpoint
from training.config import load
from training.predict import PREDICTIONS, read_origin
from training.reproduce.experiments import of_experiment
from training.results import details
from training.results.metrics import Scored, label_average_precision, mean_average_precision
from training.results.tables import Cell, cells, elsewhere, scored

ANALYSED = ("known-test", "new-test")
"""Splits that are looked at by equipment, and by muscle group."""


@dataclass(frozen=True)
class Run:
    """One file of predictions: `cells` by column, `muscles` [20] AP by split, mAP by analysed split and `equipment`."""

    file: Path
    cells: dict[str, Cell]
    muscles: dict[str, np.ndarray]
    equipment: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Scores:
    """Runs by file, and a line on each file that was left out."""

    runs: dict[Path, Run]
    notes: list[str]

    def of(self, experiment: str, file: str = PREDICTIONS) -> list[Run]:
        """Those of an experiment, one for each seed; of predictions under another name, with `file`."""
        named = {path.parent.name: run for path, run in self.runs.items() if path.name == file}
        return [named[name] for name in of_experiment(experiment, list(named))]


def score(
    files: Sequence[Path], dataset: Dataset, protocol: str, equipment: Mapping[str, str], console: Console
) -> Scores:
    """Scores those files that are of this dataset and protocol; `equipment` by activity, as in the activities table."""
    manifest = checkpoint.dataset_identity(dataset)["manifest"]
    notes = {path: _unfit(path, manifest, protocol) for path in files}
    fit = [path for path in files if not notes[path]]
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        done = pool.map(lambda path: _score(path, equipment), fit)
        runs = list(track(done, "scoring predictions", len(fit), console=console, transient=True))
    finally:
        pool.shutdown(cancel_futures=True)
    return Scores({run.file: run for run in runs}, [note for note in notes.values() if note])


def _unfit(path: Path, manifest: str, protocol: str) -> str:
    """Why a file cannot be used, or nothing."""
    origin, file = read_origin(path), path.with_name(checkpoint.CONFIG)
    if note := elsewhere(origin, manifest, protocol):
        return note
    config = load(file) if file.is_file() else None
    if config and (config.digest(), config.data.averaged) != (origin.config, origin.views):
        return f"Left out: {origin.run}, predicted with other settings; `make evaluate` predicts again."
    return ""


def _score(path: Path, equipment: Mapping[str, str]) -> Run:
    table = pd.read_parquet(path)
    splits = scored(table)
    muscles = {split: label_average_precision(part.truth, part.scores) for split, part in splits.items()}
    by_equipment = {
        str(split): _by_equipment(splits[str(split)], activities, equipment)
        for split, activities in table.groupby("split")["activity"]
        if split in ANALYSED
    }
    return Run(path, cells(splits, muscles), muscles, by_equipment)


def _by_equipment(part: Scored, activities: pd.Series, equipment: Mapping[str, str]) -> dict[str, float]:
    """mAP on the clips of each kind; `activities` of the clips, in order."""
    kinds = {word: on.to_numpy() for word, on in details.equipment_of(activities, equipment).items()}
    return {word: mean_average_precision(part.truth[on], part.scores[on]) for word, on in kinds.items()}
