"""Beside the table of results: paired tests, mAP by equipment, calibration. All from saved predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from training.results.metrics import Scored, calibration_error, interval, mean_average_precision, paired_p, reliability

BODY_WEIGHT, EQUIPPED = "body weight", "equipment"
UNLOADED = ("none", "support")
"""The equipment with which body weight is the load."""


@dataclass(frozen=True)
class Section:
    """A table of its own; `name` is that of its file, values are in 0..1."""

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Resampled:
    """mAP of a run in one column and its bootstrap replicates [R]."""

    value: float
    replicates: np.ndarray


def comparisons(found: Mapping[str, Mapping[str, Resampled]]) -> Section:
    """The best run of each column against each other run; `found` by run and column.

    Replicates of all runs are of the same draws of source videos, so they pair.
    """
    rows = []
    for column in dict.fromkeys(column for columns in found.values() for column in columns):
        runs = {name: columns[column] for name, columns in found.items() if column in columns}
        best = max(runs, key=lambda name: runs[name].value)
        for other in (name for name in runs if name != best):
            one, two = runs[best], runs[other]
            bounds = interval(one.replicates - two.replicates)
            if bounds:
                numbers = (one.value - two.value, bounds.low, bounds.high, paired_p(one.replicates, two.replicates))
                rows.append((column, best, other, *[f"{number:.4f}" for number in numbers]))
    title = "The run that came out best in each column against the others: paired bootstrap over videos, not corrected"
    return Section("comparisons", title, ("column", "best", "other", "difference", "low", "high", "p"), rows)


def by_equipment(found: Mapping[str, pd.DataFrame], equipment: Mapping[str, str]) -> Section:
    """mAP of each run on the clips of each kind of equipment; `found` by run, `equipment` by activity.

    Body weight against the rest, then each word of the activities table. Activities without a word are left out.
    """
    rows = []
    for run, table in found.items():
        for split, clips in table.groupby("split"):
            for word, chosen in equipment_of(clips["activity"], equipment).items():
                part = scored(clips[chosen])
                value = mean_average_precision(part.truth, part.scores)
                rows.append((run, str(split), word, f"{value:.4f}", str(len(part.truth))))
    return Section("equipment", "mAP by equipment", ("run", "split", "equipment", "mAP", "clips"), rows)


def equipment_of(activities: pd.Series, equipment: Mapping[str, str]) -> dict[str, pd.Series]:
    """Which clips are with body weight, which with equipment, and which with each word; true and false by clip."""
    words = activities.map(dict(equipment)).fillna("")
    load = words.map({word: word and (BODY_WEIGHT if word in UNLOADED else EQUIPPED) for word in set(words)})
    return {word: labels == word for labels in (load, words) for word in sorted(set(labels) - {""})}


def calibration(found: Mapping[str, Mapping[str, Scored]]) -> Section:
    """How often what is given a probability is true; `found` by run and split."""
    rows = []
    for run, splits in found.items():
        for split, part in splits.items():
            bins = reliability(part.truth, part.scores)
            error = f"{calibration_error(bins):.4f}"
            rows += [(run, split, error, f"{b.probability:.4f}", f"{b.share:.4f}", str(b.count)) for b in bins]
    head = ("run", "split", "calibration error", "mean probability", "share active", "predictions")
    return Section(
        "calibration", "Reliability in ten bins of probability, and the expected calibration error", head, rows
    )


def scored(predictions: pd.DataFrame) -> Scored:
    """Saved predictions of one split."""
    truth, scores = (np.stack(predictions[name].tolist()) for name in ("y_true", "y_prob"))
    return Scored(truth, scores, predictions["source"].to_numpy())
