"""What the paper's Tables 2 to 6 compare, as changes of configurations, and the presets they are trained under.

An experiment is trained under one or more seeds; its runs are called `run_name(experiment, seed)`. Which row of
which table it is, beside the paper's numbers, says paper_tables.csv.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from pipeline.config import read_values
from pipeline.errors import UserError
from training.checkpoint import BRANCHES
from training.results.tables import COLUMNS
from training.summary import CONFIGS

PAPER_TABLES = Path(__file__).parent / "paper_tables.csv"

Changes = Mapping[str, Any]
"""Keys of a configuration with other values, nested as in TOML."""


@dataclass(frozen=True)
class Experiment:
    """`config` is a file of configs, without the preset's suffix.

    One that has `after` begins where that one's branches have learnt alone: that phase is the same for both
    (section 4.4: MCTKD and MCTF come after it), so it is trained once.
    """

    config: str
    changes: Changes = field(default_factory=dict)
    after: str = ""


def _options(**options: Any) -> Changes:
    return {"model": {"options": options}}


def _ablation(**options: Any) -> Experiment:
    return Experiment("transm3e", _options(**options), after="transm3e")


def _late(kind: str) -> Experiment:
    plain = {"tokens": 1, "distillation_tokens": 1, "distillation": "none", "fusion": "none"}
    return Experiment("transm3e", _options(**plain, late=kind))


BASELINES = (
    *("stgcn", "ctrgcn", "hdgcn", "c2d", "i3d", "slow", "slowfast", "mvit-s", "mvit-b", "swin-s", "swin-b"),
    *("videomae-v2-b", "hiera-b"),
)

EXPERIMENTS: dict[str, Experiment] = {
    **{name: Experiment(name) for name in (*BASELINES, "transm3e")},
    "transm3e-without-mct": Experiment("transm3e", _options(tokens=1, distillation_tokens=1)),
    "transm3e-without-mctkd": _ablation(distillation="none"),
    "transm3e-fl-kd": _ablation(distillation="FL", distillation_tokens=1),
    "transm3e-de-kd": _ablation(distillation="DE", distillation_tokens=1),
    "transm3e-sp-kd": _ablation(distillation="SP", distillation_tokens=1),
    "transm3e-fl-mctkd": _ablation(distillation="FL"),
    "transm3e-de-mctkd": _ablation(distillation="DE"),
    "transm3e-fusion-sum": _ablation(fusion="sum"),
    "transm3e-fusion-multiplication": _ablation(fusion="multiplication"),
    "transm3e-fusion-self-attention": _ablation(fusion="self-attention"),
    "transm3e-fusion-cross-attention": _ablation(fusion="cross-attention"),
    "late-sum": _late("sum"),
    "late-concatenation": _late("concatenation"),
    "late-multiplication": _late("multiplication"),
}


@dataclass(frozen=True)
class Preset:
    """`suffix` of the configuration files, and what is changed in all of them."""

    suffix: str = ""
    changes: Changes = field(default_factory=dict)
    epochs: tuple[int, int] | None = None
    """Of the branches alone and then jointly, where a configuration has the second phase; None leaves both."""
    devices: int = 1
    """GPUs of one run, where there are as many."""


PRESETS = {
    "tiny": Preset("-tiny", epochs=(20, 10)),
    "small": Preset("-tiny", epochs=(40, 10)),
    "sample": Preset(
        "", {"workers": 0, "data": {"cache": True, "views": 1}, "optim": {"evaluate_every": 5}}, epochs=(30, 30)
    ),
    "paper": Preset(devices=4),
}
"""tiny: small models on the demo's workouts, minutes on a CPU. small: these on the harder sample, hours. sample: the
paper's models on the harder sample, from nothing, for one GPU. paper: the real thing."""


@dataclass(frozen=True)
class Row:
    """A row of one of the paper's tables. `paper` by column, in per cent; `parameters` in millions, where printed."""

    table: int
    name: str
    experiment: str
    parameters: float | None
    paper: dict[str, float]


def rows() -> list[Row]:
    """All rows, as printed."""
    with PAPER_TABLES.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                int(line["table"]),
                line["row"],
                line["experiment"],
                float(line["parameters"]) if line["parameters"] else None,
                {column: float(line[column]) for column in COLUMNS},
            )
            for line in csv.DictReader(file)
        ]


def run_name(experiment: str, seed: int) -> str:
    """The folder of a run."""
    return f"{experiment}-seed{seed}"


def of_experiment(experiment: str, runs: Sequence[str]) -> list[str]:
    """Those of the `runs` that are of an experiment: under any seed, or without one the run called just like it."""
    seeded = [run for run in runs if run.rpartition("-seed")[0] == experiment]
    return seeded or [run for run in runs if run == experiment]


def compose(preset: Preset, name: str, seed: int, runs: Path, weights: Path | None, protocol: str) -> str:
    """The configuration of one run, as TOML; complete but for defaults.

    `weights` is a folder with checkpoints to start from, each under its configuration's name (c2d.pth, mvit-s.pyth),
    the video branch of TransM³E from that of MViTv2-S.
    """
    experiment = EXPERIMENTS[name]
    values = merged(read_values(CONFIGS / f"{experiment.config}{preset.suffix}.toml"), preset.changes)
    values = merged(merged(values, experiment.changes), {"seed": seed, "data": {"protocol": protocol}})
    optim = values.setdefault("optim", {})
    if preset.epochs:
        alone, joint = preset.epochs
        optim["epochs_branches"] = alone
        optim["epochs_joint"] = joint if optim.get("epochs_joint") else 0
    if experiment.after:
        optim["epochs_branches"] = 0
        values["model"]["pretrained"] = {"": str(runs / run_name(experiment.after, seed) / BRANCHES)}
    elif weights:
        values["model"]["pretrained"] = _published(experiment.config, weights)
    return tomli_w.dumps(values)


def _published(config: str, weights: Path) -> dict[str, str]:
    """Checkpoint by part of the model; empty where the folder has none."""
    part, name = ("video", "mvit-s") if config == "transm3e" else ("", config)
    found = sorted(path for path in weights.iterdir() if path.stem == name)
    return {part: str(found[0])} if found else {}


def merged(values: Changes, changes: Changes) -> dict[str, Any]:
    """A copy of nested tables with the changes put in."""
    result = dict(values)
    for key, value in changes.items():
        old = result.get(key, {})
        result[key] = merged(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) else value
    return result


def selected(names: str) -> list[str]:
    """Experiments from a comma-separated list of their names or "table 2" and the like; all for nothing.

    Those that others begin after are added, in front. Raises UserError for an unknown one.
    """
    wanted: list[str] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        of_table = [row.experiment for row in rows() if f"table {row.table}" == name]
        if not of_table and name not in EXPERIMENTS:
            raise UserError(f"no experiment is called {name!r}; known: table 2 to table 6, {', '.join(EXPERIMENTS)}")
        wanted += of_table or [name]
    chosen = {name for name in wanted if name in EXPERIMENTS} if names.strip() else set(EXPERIMENTS)
    chosen |= {EXPERIMENTS[name].after for name in chosen if EXPERIMENTS[name].after}
    return [name for name in EXPERIMENTS if name in chosen]
