"""Saved predictions made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.reader import Dataset
from training import checkpoint, predict

PROTOCOL = "video-disjoint"
EQUIPMENT = {"wave": "none", "kick": "support", "bow": "dumbbell", "star": "none"}


def origin(dataset: Dataset, run: str) -> predict.Origin:
    about = checkpoint.dataset_identity(dataset)
    return predict.Origin(
        run,
        "hdgcn",
        "digest",
        "w",
        muscles=",".join(dataset.manifest["muscles"]),
        protocol=PROTOCOL,
        code="1",
        **about,
    )


def truth(dataset: Dataset, split: str) -> np.ndarray:
    return np.array([dataset.label(row)["muscles"] for row in dataset.rows(PROTOCOL, split)], float)


def save(
    toy: Dataset, runs: Path, name: str, found: dict[str, np.ndarray], file: str = predict.PREDICTIONS, **changes: str
) -> None:
    predict.write(runs / name / file, toy, found, replace(origin(toy, name), **changes))


def baselines(dataset: Dataset, runs: Path) -> None:
    for name in predict.BASELINES:
        predict.predict_baseline(name, runs, dataset, PROTOCOL)
