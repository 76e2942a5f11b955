"""The commands of `python -m training`; `make train` and `make evaluate` call them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from annotations.splits import PROTOCOLS
from annotations.tables import PACKAGE_DIR, read_activities, read_muscles, tables_of
from pipeline import config as configuration
from pipeline.errors import UserError
from pipeline.reader import Dataset, find_version
from training import checkpoint, predict, summary
from training import train as training
from training.explain import clips as explanation
from training.reproduce import jobs as planning
from training.reproduce import launch
from training.reproduce.experiments import PRESETS, selected
from training.results import paper_tables, paper_writing, tables
from training.video import files, source
from training.video.trained import open_run

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()

DatasetFolder = Annotated[Path, typer.Option(help="A version of the dataset, or a folder of versions (the newest).")]
Runs = Annotated[Path, typer.Option(help="Folder with one folder a run.")]

Protocol = Annotated[str, typer.Option(help="Division into train, val and test.")]


def known_protocol(protocol: str) -> None:
    """Raises UserError for one that no dataset has."""
    if protocol not in PROTOCOLS:
        raise UserError(f"--protocol: unknown {protocol!r}; known: {', '.join(PROTOCOLS)}")


@app.callback()
def main() -> None:
    """Train models on the shards, and make the table of results."""


@app.command()
def train(
    config: Annotated[Path, typer.Option(help="Configuration, a TOML file.")],
    dataset: DatasetFolder = Path("work/dataset"),
    runs: Runs = Path("work/runs"),
    name: Annotated[str, typer.Option(help="Name of the run", show_default="that of the configuration")] = "",
    predict_too: Annotated[bool, typer.Option("--predict", help="Save its predictions too.")] = False,
) -> None:
    """Train one run, or go on with it; a finished one is left alone. Under torchrun: on all its devices."""
    root, folder = find_version(dataset), runs / (name or config.stem)
    training.train(config, root, folder, console)
    if predict_too:
        predict.predict_run(folder, root, console)


@app.command()
def reproduce(
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}.")] = "tiny",
    dataset: DatasetFolder = Path("work/dataset"),
    runs: Runs = Path("work/runs"),
    only: Annotated[
        str, typer.Option(help='Experiments or "table 2" and so on, comma-separated', show_default="all")
    ] = "",
    seeds: Annotated[str, typer.Option(help="Comma-separated; each experiment is trained under each.")] = "0",
    weights: Annotated[
        Path | None, typer.Option(help="Folder of published weights to start from: c2d.pth, mvit-s.pyth …")
    ] = None,
    protocol: Protocol = PROTOCOLS[0],
    scheduler: Annotated[str, typer.Option(help="slurm: submit the runs; nothing: train them here.")] = "",
    estimate: Annotated[bool, typer.Option("--estimate", help="Only say what it costs.")] = False,
) -> None:
    """Train the runs of the paper's Tables 2 to 6 that are not there yet, each with its predictions."""
    known_protocol(protocol)
    if preset not in PRESETS:
        raise UserError(f"--preset: unknown {preset!r}; known: {', '.join(PRESETS)}")
    if scheduler not in ("", "slurm"):
        raise UserError(f"--scheduler: unknown {scheduler!r}; say slurm, or leave it out")
    if weights and not weights.is_dir():
        raise UserError(f"{weights}: no folder with weights")
    numbers = [part.strip() for part in seeds.split(",")]
    if not all(part.isdecimal() for part in numbers):
        raise UserError(f"--seeds: {seeds!r} must be numbers, comma-separated")
    root, chosen = find_version(dataset), PRESETS[preset]
    gpus = chosen.devices if scheduler else torch.cuda.device_count()
    seeds_found, found = [int(part) for part in numbers], selected(only)
    with console.status("reckoning what it costs"):
        jobs = planning.plan(chosen, found, seeds_found, Dataset(root, ()), runs, weights, protocol, gpus)
    planning.announce(jobs, console)
    if not estimate:
        (launch.submit if scheduler else launch.run_all)(jobs, root, console)


@app.command()
def models() -> None:
    """List the models: what they read, parameters beside the paper's, operations."""
    console.print(summary.table([summary.summarise(name) for name in summary.PAPER]))


@app.command()
def export(
    run: Annotated[Path, typer.Option(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="Folder for the files", show_default="export in the run's")] = Path(),
) -> None:
    """Write a run's best weights as a PyTorch program and as ONNX, and compare their outputs with the model's."""
    from training.export import export as export_run  # brings ONNX, of the extra `export`

    out = run / "export" if out == Path() else out
    with console.status(f"exporting {run.name}: a minute or more"):
        exported = export_run(run, out, [muscle.name for muscle in read_muscles(PACKAGE_DIR)])
    for name, difference in exported.differences.items():
        line = f"{out / name}: probabilities differ by {difference:.1g} at most"
        console.print(line, soft_wrap=True, markup=False)


@app.command("predict")
def predict_video(
    video: Annotated[str, typer.Argument(help="A video file, or the id or address of a YouTube video.")],
    run: Annotated[Path, typer.Option(help="Folder of a finished run.")],
    dataset: DatasetFolder = Path("work/dataset"),
    out: Annotated[Path, typer.Option(help="Folder for a folder with the video's name.")] = Path("work/predictions"),
    config: Annotated[Path | None, typer.Option(help="The pipeline's configuration, for how to download.")] = None,
    tables_in: Annotated[
        Path | None,
        typer.Option("--tables", help="Folder with takedowns.csv", show_default="as for a run in --out's folder"),
    ] = None,
) -> None:
    """Say which muscle groups are active in a video, over time: numbers, a body map, and a film of both."""
    trained = open_run(run, dataset)
    file = source.find(video, out, configuration.load(config).fetch, tables_in or tables_of(out.parent), console)
    files.show(files.predict(trained, file, out, console), trained, console)


@app.command()
def explain(
    run: Annotated[Path, typer.Option(help="Folder of a finished run.")],
    against: Annotated[Path | None, typer.Option(help="Folder of another one, shown below it.")] = None,
    dataset: DatasetFolder = Path("work/dataset"),
    out: Annotated[Path, typer.Option(help="Folder for a folder of the run's name.")] = Path("work/explain"),
    clip: Annotated[
        str, typer.Option(help="Keys of clips, comma-separated", show_default="some of the test splits")
    ] = "",
    muscle: Annotated[str, typer.Option(help="Muscle groups to look for", show_default="the most probable one")] = "",
) -> None:
    """Show where a model looks: pictures and films of clips, with what it hits, misses and says falsely."""
    folders = [run, against] if against else [run]
    page = explanation.explain(
        folders,
        dataset,
        listed(clip),
        [name.replace(" ", "-") for name in listed(muscle)],
        out / "-against-".join(folder.name for folder in folders),
        console,
    )
    console.print(f"written to {page}", soft_wrap=True, markup=False)


def listed(words: str) -> list[str]:
    """What stands between commas."""
    return [word.strip() for word in words.split(",") if word.strip()]


@app.command()
def evaluate(
    dataset: DatasetFolder = Path("work/dataset"),
    runs: Runs = Path("work/runs"),
    out: Annotated[Path, typer.Option(help="Folder for the tables.")] = Path("work/tables"),
    protocol: Protocol = PROTOCOLS[0],
) -> None:
    """Save the predictions of Random, All Ones and every finished run; make the table of results."""
    labels = _with_baselines(dataset, runs, protocol)
    manifest = checkpoint.dataset_identity(labels)["manifest"]
    for folder in sorted(path.parent for path in runs.glob(f"*/{checkpoint.RUN}")):
        about, words = checkpoint.describe(folder), ""
        if not about["finished"]:
            words = "not finished, left out; `train` goes on with it"
        elif about["manifest"] != manifest:
            words = f"trained on version {about['dataset']}, not on this one: its training clips may be scored"
        if words:
            console.print(f"{folder}: {words}", soft_wrap=True, markup=False)
        if about["finished"]:
            predict.predict_run(folder, labels.root, console)
    tables.write(tables.results(runs, manifest, protocol, _equipment()), out, console)
    console.print(f"written to {out}", soft_wrap=True, markup=False)


@app.command("tables")
def make_tables(
    dataset: DatasetFolder = Path("work/dataset"),
    runs: Runs = Path("work/runs"),
    out: Annotated[Path, typer.Option(help="Folder for the tables and figure 2.")] = Path("work/tables"),
    protocol: Protocol = PROTOCOLS[0],
) -> None:
    """Make the paper's Tables 2 to 6 and figure 2 from saved predictions, of runs <experiment>-seed<N>."""
    labels = _with_baselines(dataset, runs, protocol)
    paper_writing.write(paper_tables.make(runs, labels, protocol, _equipment(), console), out, console)
    console.print(f"written to {out}", soft_wrap=True, markup=False)


def _with_baselines(dataset: Path, runs: Path, protocol: str) -> Dataset:
    """The version's labels, after the predictions of Random and All Ones are saved for them."""
    known_protocol(protocol)
    labels = Dataset(find_version(dataset), ())
    for baseline in predict.BASELINES:
        predict.predict_baseline(baseline, runs, labels, protocol)
    return labels


def _equipment() -> dict[str, str]:
    """By activity."""
    return {slug: activity.equipment for slug, activity in read_activities(PACKAGE_DIR).items()}
