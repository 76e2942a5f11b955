"""The paper's Tables 2 to 6 in our numbers, and what its section 5.2 looks at, from saved predictions alone.

A line is an experiment, its numbers the means over its runs, one for each seed. Intervals are of that mean: the
replicates of all runs are of the same draws of source videos, so they are averaged over the runs first. Where no run
is, a line has no cells.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from pipeline.reader import Dataset
from training import checkpoint, details
from training.config import load
from training.experiments import COLUMNS, of_experiment, rows
from training.metrics import (
    Interval,
    Scored,
    interval,
    label_average_precision,
    mean_average_precision,
    paired_p,
)
from training.muscle_figure import Counts, count
from training.predict import PREDICTIONS, read_origin, without_one
from training.tables import cells as columns_of
from training.tables import scored

REFERENCE = "transm3e"
"""The experiment that the others are tested against: the paper's best."""
TESTED = "mean test"
TITLES = {
    2: "models (size: millions of parameters)",
    3: "what TransM³E's parts add",
    4: "where and what is distilled",
    5: "how tokens are fused",
    6: "late fusion",
}
ANALYSED = ("known-test", "new-test")
"""Splits that are looked at by muscle group and equipment."""
WITHOUT = {"rgb": "without video", "skeleton": "without skeletons"}
"""Modalities that TransM³E is tried without, and what such a line is called."""


@dataclass(frozen=True)
class Cell:
    """mAP or AP in 0..1, the mean over the runs whose predictions are `files`."""

    value: float
    files: tuple[Path, ...]
    interval: Interval | None = None
    replicates: np.ndarray = field(default_factory=lambda: np.array([]), repr=False, compare=False)


@dataclass(frozen=True)
class Line:
    """`cells` and, in per cent, `paper` by column; millions of `parameters`, ours and theirs; p against TransM³E."""

    name: str
    cells: dict[str, Cell]
    paper: dict[str, float] = field(default_factory=dict)
    parameters: tuple[float | None, float | None] = (None, None)
    p: float | None = None

    @property
    def seeds(self) -> int:
        """Runs behind the numbers."""
        return max((len(cell.files) for cell in self.cells.values()), default=0)


@dataclass(frozen=True)
class Sheet:
    """One table; `name` stands for it in the CSV file."""

    name: str
    title: str
    columns: Sequence[str]
    lines: Sequence[Line]


@dataclass(frozen=True)
class Tables:
    """All that the files show: the tables with the paper's columns, those by muscle group or equipment, figure 2."""

    sheets: list[Sheet]
    analyses: list[Sheet]
    figure: Counts
    dataset: str
    notes: list[str]


@dataclass(frozen=True)
class Run:
    """Saved predictions, scored: `cells` by column, `labels` by split, mAP by test split and equipment."""

    file: Path
    cells: dict[str, Cell]
    labels: dict[str, np.ndarray]
    equipment: dict[str, dict[str, float]]


def make(runs: Path, dataset: Dataset, protocol: str, equipment: Mapping[str, str], console: Console) -> Tables:
    """Scores what is saved under `runs` for the dataset and protocol; `equipment` by activity, as in the table."""
    files, notes = _fitting(_candidates(runs), dataset, protocol)
    models = {row.experiment for row in rows() if row.table == 2}
    compared = {path for model in models for path in _of(model, files, PREDICTIONS)}

    def score(path: Path) -> Run:
        return _score(path, equipment if path in compared else {})

    scores = dict(zip(files, _in_threads(score, files, console), strict=True))

    def found(experiment: str, file: str = PREDICTIONS) -> list[Run]:
        return [scores[path] for path in _of(experiment, files, file)]

    reference = _columns(found(REFERENCE))
    sheets = [_paper_table(number, found, reference) for number in TITLES]
    sheets.append(_without_modality(found, reference))
    about = f"{dataset.manifest['name']} {dataset.manifest['version']}, protocol {protocol}"
    return Tables(sheets, _analyses(found, dataset, protocol, equipment), count(dataset), about, notes)


def _candidates(runs: Path) -> list[Path]:
    """Files of predictions that belong to a row."""
    present = [path.name for path in sorted(runs.iterdir()) if path.is_dir()] if runs.is_dir() else []
    named = dict.fromkeys(name for row in rows() for name in of_experiment(row.experiment, present))
    wanted = [runs / name / PREDICTIONS for name in named]
    wanted += [
        runs / name / without_one(modality) for name in of_experiment(REFERENCE, present) for modality in WITHOUT
    ]
    return [path for path in wanted if path.is_file()]


def _of(experiment: str, files: Iterable[Path], name: str) -> list[Path]:
    by_run = {path.parent.name: path for path in files if path.name == name}
    return [by_run[run] for run in of_experiment(experiment, list(by_run))]


def _fitting(files: Sequence[Path], dataset: Dataset, protocol: str) -> tuple[list[Path], list[str]]:
    """Those that are of this dataset, protocol and their run's configuration, and a line on each of the others."""
    manifest = checkpoint.dataset_identity(dataset)["manifest"]
    fitting, notes = [], []
    for path in files:
        origin = read_origin(path)
        config = path.with_name(checkpoint.CONFIG)
        if (origin.manifest, origin.protocol) != (manifest, protocol):
            notes.append(f"Left out: {origin.run}, on dataset {origin.dataset}, protocol {origin.protocol}.")
        elif config.is_file() and load(config).digest() != origin.config:
            notes.append(f"Left out: {origin.run}, predicted with other settings; `make evaluate` predicts again.")
        else:
            fitting.append(path)
    return fitting, notes


def _in_threads(score: Callable[[Path], Run], files: Sequence[Path], console: Console) -> list[Run]:
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        done = pool.map(score, files)
        return list(track(done, "scoring predictions", len(files), console=console, transient=True))
    finally:
        pool.shutdown(cancel_futures=True)


def _score(path: Path, equipment: Mapping[str, str]) -> Run:
    table = pd.read_parquet(path)
    splits = scored(table)
    labels = {split: label_average_precision(part.truth, part.scores) for split, part in splits.items()}
    cells = {
        column: Cell(cell.value, (path,), cell.interval, cell.replicates)
        for column, cell in columns_of(splits, labels).items()
    }
    by_equipment = {
        str(split): {
            word: _map(details.scored(clips[chosen]))
            for word, chosen in details.equipment_of(clips["activity"], equipment).items()
        }
        for split, clips in table[table["split"].isin(ANALYSED)].groupby("split")
    }
    return Run(path, cells, labels, by_equipment)


def _map(part: Scored) -> float:
    return mean_average_precision(part.truth, part.scores)


Found = Callable[..., list[Run]]
"""The runs of an experiment; with the name of a file, their predictions in that."""


def _paper_table(number: int, found: Found, reference: Mapping[str, Cell]) -> Sheet:
    lines = []
    for row in rows():
        if row.table == number:
            runs = found(row.experiment)
            cells = _columns(runs)
            sizes = (_parameters(runs), row.parameters) if number == 2 else (None, None)
            p = None if row.experiment == REFERENCE else _p(cells, reference)
            lines.append(Line(row.name, cells, row.paper, sizes, p))
    return Sheet(f"table-{number}", f"Table {number}: {TITLES[number]}", COLUMNS, lines)


def _without_modality(found: Found, reference: Mapping[str, Cell]) -> Sheet:
    lines = [Line("with both", dict(reference))]
    for modality, name in WITHOUT.items():
        cells = _columns(found(REFERENCE, without_one(modality)))
        lines.append(Line(name, cells, p=_p(cells, reference)))
    return Sheet("missing-modality", "TransM³E where a modality is missing", COLUMNS, lines)


def _columns(runs: Sequence[Run]) -> dict[str, Cell]:
    """The mean over runs, by column."""
    files = tuple(run.file for run in runs)
    result = {}
    for column in runs[0].cells if runs else ():
        cells = [run.cells[column] for run in runs]
        replicates = np.mean([cell.replicates for cell in cells], axis=0)
        value = float(np.mean([cell.value for cell in cells]))
        result[column] = Cell(value, files, interval(replicates), replicates)
    return result


def _p(cells: Mapping[str, Cell], reference: Mapping[str, Cell]) -> float | None:
    if TESTED not in cells or TESTED not in reference:
        return None
    p = paired_p(reference[TESTED].replicates, cells[TESTED].replicates)
    return None if np.isnan(p) else p


def _parameters(runs: Sequence[Run]) -> float | None:
    """In millions, as counted when the first of the runs that says it was finished."""
    described = [run.file.with_name(checkpoint.RUN) for run in runs]
    counts = [checkpoint.describe(path.parent).get("parameters") for path in described if path.is_file()]
    return next((value / 1e6 for value in counts if value), None)


def _analyses(found: Found, dataset: Dataset, protocol: str, equipment: Mapping[str, str]) -> list[Sheet]:
    """By muscle group and by equipment, on both test splits; columns are the models of Table 2."""
    models = {row.name: found(row.experiment) for row in rows() if row.table == 2}
    muscles = dataset.manifest["muscles"]
    sheets = []
    for split in ANALYSED:
        held = dataset.rows(protocol, split)
        active = np.array([dataset.label(row)["muscles"] for row in held], int).reshape(-1, len(muscles)).sum(axis=0)

        def of_muscle(run: Run, muscle: str, split: str = split) -> float:
            return float(run.labels[split][muscles.index(muscle)]) if split in run.labels else float("nan")

        title = f"AP by muscle group, {split.replace('-', ' ')} (in brackets: clips in which it is active)"
        sizes = dict(zip(muscles, active.tolist(), strict=True))
        sheets.append(_analysis(f"muscles-{split}", title, models, sizes, of_muscle))
    for split in ANALYSED:
        clips = dataset.index.loc[dataset.rows(protocol, split), ["activity"]]
        words = details.equipment_of(clips["activity"], equipment)

        def on(run: Run, word: str, split: str = split) -> float:
            return run.equipment.get(split, {}).get(word, float("nan"))

        title = f"mAP by equipment, {split.replace('-', ' ')} (in brackets: clips)"
        sheets.append(_analysis(f"equipment-{split}", title, models, {w: int(m.sum()) for w, m in words.items()}, on))
    return sheets


def _analysis(
    name: str,
    title: str,
    models: Mapping[str, Sequence[Run]],
    sizes: Mapping[str, int],
    value: Callable[[Run, str], float],
) -> Sheet:
    """A line for each of `sizes`, a column for each model."""
    lines = []
    for row, size in sizes.items():
        cells = {
            model: Cell(float(np.mean([value(run, row) for run in runs])), tuple(run.file for run in runs))
            for model, runs in models.items()
            if runs
        }
        held = {model: cell for model, cell in cells.items() if np.isfinite(cell.value)}
        lines.append(Line(f"{row} ({size})", held))
    return Sheet(name, title, tuple(models), lines)
