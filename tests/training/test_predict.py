from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures_shards import toy_clips, write_dataset
from toy import write_config

from pipeline.reader import Dataset
from training import device
from training.config import Config, load
from training.data import Clips
from training.models import Output, build
from training.predict import branch_mean, probabilities


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write_config(tmp_path / "a.toml"))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset(write_dataset(tmp_path / "0.0.1", toy_clips()), ("skeleton",))


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return build("hdgcn_tiny", dropout=0.5)


def test_branches_are_averaged_as_probabilities() -> None:
    output = Output({"rgb": torch.tensor([[0.0, 0.0]]), "skeleton": torch.tensor([[np.log(3.0), 0.0]])}, {}, None)
    assert branch_mean(output, "softmax")[0].tolist() == pytest.approx([(1 / 2 + 3 / 4) / 2, (1 / 2 + 1 / 4) / 2])
    assert branch_mean(output, "sigmoid")[0].tolist() == pytest.approx([(1 / 2 + 3 / 4) / 2, 1 / 2])


def test_a_prediction_does_not_depend_on_its_neighbours(
    config: Config, dataset: Dataset, model: torch.nn.Module
) -> None:
    clips, fabric, rows = Clips(dataset, config.data), device.fabric(config), [7, 2, 11, 4, 9]
    together = probabilities(fabric, model, clips, rows, config)
    for i, row in enumerate(rows):
        assert probabilities(fabric, model, clips, [row], config)[0] == pytest.approx(together[i], abs=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-4


def test_views_are_averaged(config: Config, dataset: Dataset, model: torch.nn.Module) -> None:
    """Clips of 24 frames, windows of 16: the two views begin at frames 2 and 6."""
    config, fabric, rows = config.with_one_look(), device.fabric(config), [0, 1]
    both = replace(config, data=replace(config.data, views=2))
    found = probabilities(fabric, model, Clips(dataset, both.data), rows, both)
    parts = []
    for first in (2, 6):
        shorter = [replace(clip, joints=clip.joints[first : first + 16]) for clip in toy_clips()]
        root = write_dataset(dataset.root.parent / str(first) / "0.0.1", shorter)
        parts.append(probabilities(fabric, model, Clips(Dataset(root, ("skeleton",)), config.data), rows, config))
    assert np.allclose(found, (parts[0] + parts[1]) / 2, atol=1e-5)


def test_crops_are_averaged(config: Config, dataset: Dataset, model: torch.nn.Module) -> None:
    """The left square begins 8 pixels before the centre one: it shows what that would, had all stood 8 to the right."""
    config, fabric, rows = config.with_one_look(), device.fabric(config), [0, 1]
    three = replace(config, data=replace(config.data, crops=3))
    found = probabilities(fabric, model, Clips(dataset, three.data), rows, three)
    parts = []
    for shift in (8, 0, -8):
        moved = [replace(clip, joints=clip.joints + np.float32([shift, 0, 0])) for clip in toy_clips()]
        root = write_dataset(dataset.root.parent / str(shift) / "0.0.1", moved)
        parts.append(probabilities(fabric, model, Clips(Dataset(root, ("skeleton",)), config.data), rows, config))
    assert np.allclose(found, sum(parts) / 3, atol=1e-5)
    assert np.abs(parts[0] - parts[2]).max() > 1e-4
