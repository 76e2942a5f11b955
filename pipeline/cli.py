"""The commands of `python -m pipeline`; `make` calls them. Commands only: the work is in stages.py."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from annotations.tables import TableError, Tables, read_tables, tables_of
from pipeline import config as configuration
from pipeline import demo as demonstration
from pipeline import ledger, stages, status
from pipeline import retry as retrying
from pipeline import search as candidates
from pipeline.cluster import Engine, engine
from pipeline.errors import UserError
from pipeline.files import sweep
from pipeline.pose import export as exports
from pipeline.pose.models import fetch_models
from pipeline.records import EXTRACTED, MODALITIES

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()

FULL = Path(__file__).parent / "configs" / "full.toml"

Names = Annotated[str, typer.Option("--modalities", help="Comma-separated: rgb, rgbdiff, flow, skeleton.")]
ALL = ",".join(EXTRACTED)


@dataclass(frozen=True)
class Options:
    """What all commands share."""

    work: Path
    config: Path
    tables: Path
    scheduler: str
    workers: int

    @contextmanager
    def project(self, tables: Path | None = None) -> Iterator[stages.Project]:
        """The work folder, locked, without the half-written files of a killed run."""
        with ledger.opened(self.work) as book:
            sweep(self.work)
            yield stages.Project(self.work, self.read_tables(tables), configuration.load(self.config), book)

    def read_tables(self, tables: Path | None = None) -> Tables:
        """The annotations. A rule that they break is a UserError."""
        try:
            return read_tables(sources_and_segments=tables or self.tables)
        except TableError as error:
            raise UserError(str(error)) from None

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        with engine(configuration.load(self.config).engine, self.scheduler, self.workers) as running:
            console.print(f"dashboard {running.dashboard}", style="dim", highlight=False)
            yield running


@app.callback()
def options(
    context: typer.Context,
    work: Annotated[Path, typer.Option(help="Folder that holds everything a run makes.")] = Path("work"),
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration, a TOML file", show_default="WORK/config.toml, or pipeline/configs/full.toml"),
    ] = None,
    tables: Annotated[
        Path | None,
        typer.Option(help="Folder with sources.csv and segments.csv", show_default="WORK/tables, or annotations"),
    ] = None,
    scheduler: Annotated[str, typer.Option(help="A running Dask scheduler, like tcp://host:8786.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of the local cluster.")] = 2,
) -> None:
    """From YouTube ids to versioned shards."""
    own_config = work / demonstration.CONFIG
    context.obj = Options(
        work,
        config or (own_config if own_config.is_file() else FULL),
        tables or tables_of(work),
        scheduler,
        workers,
    )


@app.command()
def models() -> None:
    """Download the pose estimators' model files and check their SHA-256."""
    fetch_models()


@app.command()
def download(context: typer.Context) -> None:
    """Download the sources and the candidates that are kept."""
    _run(context.obj, stages.run_fetch, ["fetch"], needed="sources")


@app.command()
def search(
    context: typer.Context,
    activity: Annotated[str, typer.Option(help="Search YouTube for an activity's name and aliases.")] = "",
    query: Annotated[str, typer.Option(help="Search YouTube for these words.")] = "",
    address: Annotated[str, typer.Option("--from", help="List the playlist or channel at this address.")] = "",
    count: Annotated[int, typer.Option(min=1, help="Results of each search.")] = 20,
    licences: Annotated[bool, typer.Option("--licences", help="Ask each new page for its licence: slower.")] = False,
) -> None:
    """Add what a search, playlist or channel lists to candidates.csv, where you write which to keep."""
    if sum(map(bool, (activity, query, address))) != 1:
        raise UserError("search: give one of --activity, --query and --from (make search ACTIVITY=, QUERY= or FROM=)")
    chosen: Options = context.obj
    tables = chosen.read_tables()
    path = chosen.tables / "candidates.csv"
    queries = candidates.phrases(activity, tables) if activity else [query or address]
    settings = configuration.load(chosen.config).fetch
    candidates.show(candidates.search(queries, count, licences, tables, path, settings), path, console)


@app.command()
def probe(context: typer.Context) -> None:
    """Ask again which sources still exist; the answers are added to their history."""
    with context.obj.project() as project:
        _require_rows(context.obj, project.tables, "sources")
        with context.obj.engine() as running:
            account = stages.run_probe(project, running)
        console.print(account, highlight=False, soft_wrap=True)


@app.command()
def retry(
    context: typer.Context,
    reason: Annotated[str, typer.Argument(help="A reason of `status`, like gone/private, or its first part.")],
) -> None:
    """Put failed items back that have this reason; the next run of their stage takes them."""
    with context.obj.project() as project:
        words = retrying.put_back(reason, stages.plans(project).values(), project.ledger)
        console.print(words, highlight=False, soft_wrap=True)


@app.command()
def detect(context: typer.Context) -> None:
    """Propose clips in downloaded videos that have no segments yet, for you to name."""
    chosen: Options = context.obj
    with chosen.project() as project:
        _require_rows(chosen, project.tables, "sources")
        with chosen.engine() as running:
            plan, table, rows = stages.run_detect(project, running)
        console.print(status.summary(plan), highlight=False)
        ending = (
            f"write their activities and move them to {chosen.tables / 'segments.csv'}" if rows else "nothing to name"
        )
        console.print(f"{rows} proposals in {table}; {ending}", highlight=False, soft_wrap=True)


@app.command()
def cut(context: typer.Context) -> None:
    """Cut the segments out of the videos."""
    _run(context.obj, stages.run_cut, ["cut"])


@app.command()
def extract(context: typer.Context, modalities: Names = ALL) -> None:
    """Extract modalities from the clips, each clip decoded once."""
    wanted = _modalities(modalities, EXTRACTED)
    _run(context.obj, lambda project, running: stages.run_extract(project, running, wanted), wanted)


@app.command()
def shards(context: typer.Context, modalities: Names = ALL) -> None:
    """Write the version's shards, index and manifest."""
    wanted = _modalities(modalities, MODALITIES)
    with context.obj.project() as project:
        with context.obj.engine() as running:
            folder = stages.run_shards(project, running, wanted)
        console.print(f"dataset version in {folder}", soft_wrap=True)


@app.command()
def skeleton_video(
    context: typer.Context,
    clip: Annotated[str, typer.Argument(help="Key of a clip whose skeleton is extracted, or a video file.")],
) -> None:
    """Write a clip's video with its skeleton to WORK/skeletons/."""
    config = configuration.load(context.obj.config)
    path = exports.skeleton_video(clip, context.obj.work, config.skeleton, config.cut.short_side)
    console.print(f"written: {path}", soft_wrap=True)


@app.command()
def export_skeletons(
    context: typer.Context,
    form: Annotated[str, typer.Argument(help="alphapose, coco or pyskl.")],
) -> None:
    """Write all extracted skeletons in another tool's format to WORK/skeletons/."""
    with context.obj.project() as project:
        path = stages.export_skeletons(project, form)
    console.print(f"written: {path}", soft_wrap=True)


@app.command("status")
def show_status(context: typer.Context) -> None:
    """Show what is done, failed (and why) and left."""
    with context.obj.project() as project:
        _show_status(project, context.obj.workers)


@app.command()
def take(
    context: typer.Context,
    videos: Annotated[Path, typer.Argument(help="Your own videos, in folders named after activities or classes.")],
    classes: Annotated[str, typer.Option(help="The dataset whose classes name the folders: ucf101 or hmdb51.")] = "",
) -> None:
    """Take your own videos into the work folder as downloaded sources, with a segment each; cut comes next."""
    chosen: Options = context.obj
    site = demonstration.own_videos(videos, chosen.work, classes)
    with chosen.engine() as running, demonstration.served(site) as tables, chosen.project(tables) as project:
        stages.run_fetch(project, running)
        console.print(status.summary(stages.plans(project, ())["fetch"]), highlight=False)


@app.command()
def demo(
    context: typer.Context,
    videos: Annotated[Path | None, typer.Option(help="Your own videos, in folders named after activities.")] = None,
    workouts: Annotated[int | None, typer.Option(min=1, help="How many sample workouts.")] = None,
    wild: Annotated[
        bool, typer.Option("--wild", help="The harder sample: all motions, channels with a look, cameras anywhere.")
    ] = False,
) -> None:
    """Render sample workouts (or take your own videos), serve them on loopback, and run every stage on them."""
    chosen: Options = context.obj
    own = demonstration.own_videos(videos, chosen.work) if videos else None
    demonstration.keep_config(chosen.config, chosen.work)
    with chosen.engine() as running:
        site = own or demonstration.render(chosen.work, demonstration.planned(wild, workouts), running)
        with demonstration.served(site) as tables, chosen.project(tables) as project:
            stages.run_fetch(project, running)
            stages.run_cut(project, running)
            stages.run_extract(project, running, EXTRACTED)
            folder = stages.run_shards(project, running, MODALITIES)
            _show_status(project, chosen.workers)
    console.print(f"dataset version in {folder}", soft_wrap=True)


@app.command()
def clean(context: typer.Context) -> None:
    """Remove clips and payloads, which can be made again; videos, versions and runs stay."""
    work: Path = context.obj.work
    with ledger.opened(work):
        sweep(work)
        for name in ("clips", "payloads"):
            shutil.rmtree(work / name, ignore_errors=True)
    console.print(f"removed {work}/clips and {work}/payloads; `make cut extract` makes them again", soft_wrap=True)


def _run(
    chosen: Options, stage: Callable[[stages.Project, Engine], None], names: list[str], needed: str = "segments"
) -> None:
    """Runs one stage and prints its account."""
    with chosen.project() as project:
        _require_rows(chosen, project.tables, needed)
        with chosen.engine() as running:
            stage(project, running)
        plans = stages.plans(project, [name for name in names if name in EXTRACTED])
        for name in names:
            console.print(status.summary(plans[name]), highlight=False)
        if any(plans[name].failed for name in names):
            console.print("`make status` shows the reasons; `make retry REASON=…` puts items back", soft_wrap=True)


def _require_rows(chosen: Options, tables: Tables, name: str) -> None:
    if not getattr(tables, name):
        also = ", or keep candidates" if name == "sources" else " and segments"
        raise UserError(f"{chosen.tables / name}.csv lists nothing; add sources{also}")


def _show_status(project: stages.Project, workers: int) -> None:
    accounts = [status.account(plan, project.ledger) for plan in stages.plans(project).values()]
    status.show(accounts, workers, console)
    page = project.work / "status.html"
    status.write_page(accounts, workers, page)
    console.print(f"the same as a page: {page}", style="dim", highlight=False, soft_wrap=True)


def _modalities(names: str, known: tuple[str, ...]) -> list[str]:
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in known]:
        raise UserError(f"--modalities: unknown {unknown[0]!r}; known: {', '.join(known)}")
    return wanted
