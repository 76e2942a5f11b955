"""The paper's Tables 2 to 6 in our numbers, and what its section 5.2 looks at, from saved predictions alone.

A line is an experiment, its numbers the means over its runs, one for each seed. Intervals are of that mean: the
replicates of all runs are of the same draws of source videos, so they are averaged over the runs first. Where no run
is, a line has no cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console

from pipeline.reader import Dataset
from training import checkpoint
from training.predict import PREDICTIONS, without_one
from training.reproduce.experiments import of_experiment, rows
from training.results import details
from training.results.metrics import Interval, interval, paired_p
from training.results.muscle_figure import Counts, count
from training.results.scores import ANALYSED, Run, Scores, score
from training.results.tables import COLUMNS

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
    """`cells` and, in per cent, `paper` by column; millions of `parameters`, ours and theirs; p against TransM³E.

    `seeds` are the runs behind all its cells, none where each cell has its own.
    """

    name: str
    cells: dict[str, Cell]
    seeds: int = 0
    paper: dict[str, float] = field(default_factory=dict)
    parameters: tuple[float | None, float | None] = (None, None)
    p: float | None = None


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


def make(runs: Path, dataset: Dataset, protocol: str, equipment: Mapping[str, str], console: Console) -> Tables:
    """All tables from what is saved under `runs` for the dataset; `equipment` by activity, as the activities table."""
    scores = score(_files(runs), dataset, protocol, equipment, console)
    reference = _means(scores.of(REFERENCE))
    sheets = [*(_paper_table(number, scores, reference) for number in TITLES), _without_modality(scores, reference)]
    analyses = [
        *(_by_muscle(split, scores, dataset, protocol) for split in ANALYSED),
        *(_by_equipment(split, scores, dataset, protocol, equipment) for split in ANALYSED),
    ]
    about = f"{dataset.manifest['name']} {dataset.manifest['version']}, protocol {protocol}"
    return Tables(sheets, analyses, count(dataset), about, scores.notes)


def _files(runs: Path) -> list[Path]:
    """Predictions that belong to a row."""
    present = [path.name for path in sorted(runs.iterdir()) if path.is_dir()] if runs.is_dir() else []
    named = dict.fromkeys(name for row in rows() for name in of_experiment(row.experiment, present))
    whole = [runs / name / PREDICTIONS for name in named]
    parts = [runs / name / without_one(modality) for name in of_experiment(REFERENCE, present) for modality in WITHOUT]
    return [path for path in (*whole, *parts) if path.is_file()]


def _paper_table(number: int, scores: Scores, reference: Mapping[str, Cell]) -> Sheet:
    lines = []
    for row in rows():
        if row.table == number:
            runs = scores.of(row.experiment)
            cells = _means(runs)
            sizes = (_parameters(runs), row.parameters) if number == 2 else (None, None)
            p = None if row.experiment == REFERENCE else _p(cells, reference)
            lines.append(Line(row.name, cells, len(runs), row.paper, sizes, p))
    return Sheet(f"table-{number}", f"Table {number}: {TITLES[number]}", tuple(COLUMNS), lines)


def _without_modality(scores: Scores, reference: Mapping[str, Cell]) -> Sheet:
    lines = [Line("with both", dict(reference), len(scores.of(REFERENCE)))]
    for modality, name in WITHOUT.items():
        runs = scores.of(REFERENCE, without_one(modality))
        cells = _means(runs)
        lines.append(Line(name, cells, len(runs), p=_p(cells, reference)))
    return Sheet("missing-modality", "TransM³E where a modality is missing", tuple(COLUMNS), lines)


def _means(runs: Sequence[Run]) -> dict[str, Cell]:
    """The cells of a line, by column."""
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
    """In millions, as counted at the end of training."""
    folders = [run.file.parent for run in runs if run.file.with_name(checkpoint.RUN).is_file()]
    counts = [checkpoint.describe(folder).get("parameters") for folder in folders]
    return next((value / 1e6 for value in counts if value), None)


def _by_muscle(split: str, scores: Scores, dataset: Dataset, protocol: str) -> Sheet:
    labels = [dataset.label(row)["muscles"] for row in dataset.rows(protocol, split)]
    muscles = dataset.manifest["muscles"]
    sizes = np.array(labels, int).reshape(-1, len(muscles)).sum(axis=0)
    found = {
        model: {run.file: dict(zip(muscles, run.muscles[split], strict=True)) for run in runs if split in run.muscles}
        for model, runs in _models(scores).items()
    }
    title = f"AP by muscle group, {split.replace('-', ' ')} (in brackets: clips in which it is active)"
    return _analysis(f"muscles-{split}", title, dict(zip(muscles, sizes.tolist(), strict=True)), found)


def _by_equipment(split: str, scores: Scores, dataset: Dataset, protocol: str, equipment: Mapping[str, str]) -> Sheet:
    activities = dataset.index.loc[dataset.rows(protocol, split), "activity"]
    sizes = {word: int(on.sum()) for word, on in details.equipment_of(activities, equipment).items()}
    found = {
        model: {run.file: run.equipment[split] for run in runs if split in run.equipment}
        for model, runs in _models(scores).items()
    }
    title = f"mAP by equipment, {split.replace('-', ' ')} (in brackets: clips)"
    return _analysis(f"equipment-{split}", title, sizes, found)


def _models(scores: Scores) -> dict[str, list[Run]]:
    return {row.name: scores.of(row.experiment) for row in rows() if row.table == 2}


def _analysis(
    name: str, title: str, sizes: Mapping[str, int], found: Mapping[str, Mapping[Path, Mapping[str, float]]]
) -> Sheet:
    """A line for each group of `sizes`, a column for each model; `found` by model, file and group, NaN is nothing."""
    lines = []
    for group, size in sizes.items():
        cells = {
            model: Cell(float(np.mean([values[group] for values in files.values()])), tuple(files))
            for model, files in found.items()
            if files
        }
        lines.append(Line(f"{group} ({size})", {m: cell for m, cell in cells.items() if np.isfinite(cell.value)}))
    return Sheet(name, title, tuple(found), lines)
