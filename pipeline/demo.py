"""The demo's source videos: rendered workouts or somebody's own folder, served on loopback like a video site."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from annotations.tables import OWN_TABLES, read_tables
from pipeline import folder
from pipeline.cluster import Engine
from pipeline.config import load
from pipeline.errors import Failure, UserError
from pipeline.files import write_text
from pipeline.progress import bar
from pipeline.sample import channels, server, workouts
from pipeline.sample.workouts import Workout

WORKOUTS = 18
"""Rendered workouts by default: enough clips for every split, few enough for minutes on two cores."""

WILD_WORKOUTS = 224
"""Of the harder sample: enough videos for intervals in every split, few enough for half an hour of one core."""

SEED = 0

CONFIG = "config.toml"
"""Which configuration later commands take, in the work folder."""


@dataclass(frozen=True)
class Site:
    """Videos to serve: id → file, the tables folder whose segments.csv cuts them, and id → origin where known."""

    videos: dict[str, Path]
    tables: Path
    origins: dict[str, str] = field(default_factory=dict)


def own_videos(videos: Path, work: Path, dataset: str = "") -> Site:
    """A folder of videos in sub-folders named after activities, or after the classes of another dataset."""
    found = folder.find_videos(videos, read_tables().activities, dataset)
    folder.write_segments(found, work / OWN_TABLES / "segments.csv")
    origins = {name: video.origin for name, video in found.items()}
    return Site({name: video.path for name, video in found.items()}, work / OWN_TABLES, origins)


def planned(wild: bool, count: int | None) -> list[Workout]:
    """The demo's workouts, or the harder sample's; None: as many as there are by default."""
    if wild:
        return channels.plan(SEED, count or WILD_WORKOUTS)
    return workouts.plan(SEED, count or WORKOUTS)


def render(work: Path, planned: Sequence[Workout], engine: Engine) -> Site:
    """Renders the sample workouts that are not there yet, one a task."""
    sample = work / "sample"
    left = [workout for workout in planned if not (sample / "videos" / f"{workout.id}.mp4").exists()]
    if left:
        with bar("render", len(left), "videos") as progress:
            for workout, result, _ in engine.run(
                left, lambda w: functools.partial(workouts.render_workout, w, sample), "CPU"
            ):
                if isinstance(result, Failure):
                    raise UserError(f"{workout.id}: {result}")
                progress.advance()
    workouts.write_segments(planned, work / OWN_TABLES / "segments.csv")
    return Site({w.id: sample / "videos" / f"{w.id}.mp4" for w in planned}, work / OWN_TABLES)


def keep_config(config: Path, work: Path) -> None:
    """Keeps the configuration in the work folder, where later commands find it. Raises UserError if it is no good."""
    load(config)
    if config != work / CONFIG:
        write_text(work / CONFIG, config.read_text(encoding="utf-8"))


@contextmanager
def served(site: Site) -> Iterator[Path]:
    """Serves the site while the block runs, and writes sources.csv with its addresses; gives the tables folder."""
    with server.serving(site.videos) as base:
        server.write_sources(site.tables / "sources.csv", site.videos, base, site.origins)
        yield site.tables
