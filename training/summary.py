"""What each configured model is: what it reads, its parameters beside the paper's Table 2, and its operations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Group
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from training.config import Config, DataConfig, load
from training.models import Inputs, Model, build
from training.models.layers import CHANNELS
from training.models.layouts import layout_named

CONFIGS = Path(__file__).parent / "configs"
LAYOUT = "coco-17"
"""Of the dataset's default skeletons."""

UNEXPLAINED = "no published configuration has the paper's number"
PAPER: dict[str, tuple[float, str]] = {
    "stgcn": (2.6, ""),
    "ctrgcn": (1.4, ""),
    "hdgcn": (0.8, "four layers, as published; two without A-HA have 0.825"),
    "c2d": (23.5, ""),
    "i3d": (20.4, UNEXPLAINED),
    "slow": (24.3, UNEXPLAINED),
    "slowfast": (25.3, UNEXPLAINED),
    "mvit-s": (34.2, ""),
    "mvit-b": (51.2, "51.23 with the 400 classes of Kinetics"),
    "swin-s": (50.0, "window 8 × 7 × 7; 16 × 7 × 7 has 50.29"),
    "swin-b": (88.0, "window 8 × 7 × 7; 16 × 7 × 7 has 88.68"),
    "videomae-v2-b": (87.0, "86.77 with 710 classes"),
    "hiera-b": (52.0, "51.09 with the 400 classes of Kinetics"),
    "transm3e": (55.4, ""),
}
"""Million parameters in Table 2 by configuration, and why ours may differ."""


@dataclass(frozen=True)
class Summary:
    """One model. `params` in millions, `gflops` of one clip forward (a multiplication and an addition are two)."""

    name: str
    inputs: str
    params: float
    paper: float
    gflops: float
    note: str


def example(config: Config, model: Model, batch: int, device: str) -> Inputs:
    """A batch of the shape that the loader gives: zeros on `device`, which may be "meta"."""
    data = config.data
    shapes = {
        modality: (3, data.skeleton_frames, len(layout_named(LAYOUT).joints), 1)
        if modality == "skeleton"
        else (CHANNELS[modality], data.frames, data.size, data.size)
        for modality in model.modalities
    }
    return {modality: torch.zeros(batch, *shape, device=device) for modality, shape in shapes.items()}


def operations(config: Config) -> int:
    """Floating-point operations of one clip forward; a multiplication and an addition are two."""
    model = without_memory(config)
    with FlopCounterMode(display=False) as counter:
        model(example(config, model, 1, "meta"))
    return counter.get_total_flops()


def without_memory(config: Config) -> Model:
    """The model on the device "meta"."""
    with torch.device("meta"):
        return build(config.model.name, **config.model.options).eval().requires_grad_(False)


def summarise(name: str) -> Summary:
    """The model of the configuration `name`."""
    config = load(CONFIGS / f"{name}.toml")
    model = without_memory(config)
    paper, note = PAPER[name]
    return Summary(
        name=name,
        inputs=", ".join(_shape(modality, config.data) for modality in model.modalities),
        params=sum(weight.numel() for weight in model.parameters()) / 1e6,
        paper=paper,
        gflops=operations(config) / 1e9,
        note=note,
    )


def table(rows: list[Summary]) -> Group:
    """For a terminal; remarks stand below."""
    result = Table(title="Models, with 20 muscle groups", box=None)
    for title in ("MODEL=", "reads"):
        result.add_column(title, no_wrap=True)
    for title in ("M parameters", "in the paper", "GFLOP a clip"):
        result.add_column(title, justify="right")
    for row in rows:
        result.add_row(row.name, row.inputs, f"{row.params:.2f}", f"{row.paper:.1f}", f"{row.gflops:.1f}")
    return Group(result, "", *(f"{row.name}: {row.note}" for row in rows if row.note))


def _shape(modality: str, data: DataConfig) -> str:
    if modality == "skeleton":
        return f"{data.skeleton_frames} skeletons"
    return f"{data.frames} × {data.size}² {modality}"
