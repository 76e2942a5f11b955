"""The runs behind the paper's tables: their configurations, what is left of them, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from annotations.splits import SPLITS
from pipeline.files import write_text
from pipeline.reader import Dataset
from training import checkpoint
from training.config import Config, load
from training.predict import PREDICTIONS, SCORED, read_origin
from training.reproduce.experiments import EXPERIMENTS, Preset, compose, run_name
from training.summary import operations
from training.train import VALIDATION

SUSTAINED = 60e12
"""Operations a second that an H100 is reckoned to keep up in bf16, 6 % of what it is sold with, as small batches of
video do; the hours that are announced rest on it."""

FORWARD_AND_BACKWARD = 3
"""Operations of a training step by those of its forward pass."""


@dataclass(frozen=True)
class Job:
    """One run, on so many GPUs. `operations` of its training, validation and predictions.

    `after` is the name of the run whose branches it begins with, or nothing.
    """

    name: str
    runs: Path
    config: Path
    after: str
    devices: int
    epochs: int
    threads: int
    workers: int
    operations: float

    @property
    def log(self) -> Path:
        """What its process writes."""
        return self.runs / "logs" / f"{self.name}.log"

    @property
    def finished(self) -> bool:
        """Whether it is trained, and has predicted on its dataset with the views that are asked for."""
        folder, file = self.runs / self.name, self.runs / self.name / PREDICTIONS
        if not (folder / checkpoint.RUN).is_file() or not file.is_file():
            return False
        about, origin = checkpoint.describe(folder), read_origin(file)
        current = (origin.manifest, origin.views) == (about["manifest"], load(self.config).data.averaged)
        return bool(about["finished"]) and current

    @property
    def hours(self) -> float:
        """GPU hours, by SUSTAINED."""
        return self.operations / SUSTAINED / 3600


def plan(
    preset: Preset,
    experiments: Sequence[str],
    seeds: Sequence[int],
    dataset: Dataset,
    runs: Path,
    weights: Path | None,
    protocol: str,
    gpus: int,
) -> list[Job]:
    """Writes the configuration of every run into `runs`/configs; gives them in a good order to train them in.

    `gpus` is the most that one run may have. Raises UserError where the folder of one holds a run of something else.
    """
    clips = {split: len(dataset.rows(protocol, split)) for split in SPLITS}
    jobs = []
    for seed in seeds:
        of_seed = []
        for experiment in experiments:
            name, after = run_name(experiment, seed), EXPERIMENTS[experiment].after
            path = runs / "configs" / f"{name}.toml"
            write_text(path, compose(preset, experiment, seed, runs, weights, protocol))
            config = load(path)
            checkpoint.require_same(runs / name, checkpoint.identity(config, dataset))
            of_seed.append(
                Job(
                    name=name,
                    runs=runs,
                    config=path,
                    after=after and run_name(after, seed),
                    devices=min(preset.devices, max(1, gpus)),
                    epochs=config.optim.epochs,
                    threads=config.threads,
                    workers=config.workers,
                    operations=all_operations(config, clips),
                )
            )
        jobs += sorted(of_seed, key=lambda job: (bool(job.after), -job.operations))
    return jobs


def all_operations(config: Config, clips: Mapping[str, int]) -> float:
    """Floating-point operations of training, validating and predicting, from the clips of each split."""
    optim, looks = config.optim, len(config.data.looks)
    validated, predicted = (sum(clips[split] for split in splits) for splits in (VALIDATION, SCORED))
    epoch = FORWARD_AND_BACKWARD * clips["train"] + validated / optim.evaluate_every
    return float(operations(config)) * (optim.epochs * epoch + looks * predicted)


def announce(jobs: Sequence[Job], console: Console) -> None:
    """Says what is left to train, what it begins with and about how long it takes on a GPU."""
    left = [job for job in jobs if not job.finished]
    if left:
        table = Table(box=None)
        table.add_column("run", no_wrap=True)
        for title in ("epochs", "PFLOP", "GPU hours"):
            table.add_column(title, justify="right")
        table.add_column("begins with")
        for job in left:
            numbers = (str(job.epochs), _figure(job.operations / 1e15), _figure(job.hours))
            table.add_row(job.name, *numbers, escape(_start(job)))
        console.print(table)
    hours = sum(job.hours for job in left)
    words = f"about {_figure(hours)} GPU hours at {SUSTAINED / 1e12:.0f} TFLOP/s (an H100, bf16)"
    console.print(f"{len(left)} of {len(jobs)} runs are left, {words}", highlight=False, soft_wrap=True)


def _start(job: Job) -> str:
    """What its first weights are from."""
    pretrained = load(job.config).model.pretrained
    return job.after or ", ".join(Path(path).name for path in pretrained.values()) or "nothing"


def _figure(value: float) -> str:
    """Two digits that count; all of them from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
