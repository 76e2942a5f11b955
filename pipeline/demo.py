"""The demo's source videos: rendered workouts or somebody's own folder, served on loopback like a video site."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from annotations.tables import read_tables
from pipeline import folder
from pipeline.cluster import Engine
from pipeline.errors import Failure, UserError
from pipeline.progress import bar
from pipeline.sample import server, workouts

WORKOUTS = 18
"""Rendered workouts by default: enough clips for every split, few enough for minutes on two cores."""

SEED = 0


@dataclass(frozen=True)
class Site:
    """Videos to serve: id → file, and the tables folder whose segments.csv cuts them."""

    videos: dict[str, Path]
    tables: Path


def own_videos(videos: Path, work: Path) -> Site:
    """A folder of videos in sub-folders named after activities."""
    found = folder.find_videos(videos, read_tables().activities)
    folder.write_segments(found, work / "tables" / "segments.csv")
    return Site(found, work / "tables")


def render(work: Path, count: int, engine: Engine) -> Site:
    """Renders the sample workouts that are not there yet, one a task."""
    sample = work / "sample"
    planned = workouts.plan(SEED, count)
    left = [workout for workout in planned if not (sample / "videos" / f"{workout.id}.mp4").exists()]
    if left:
        with bar("render", len(left), "videos") as progress:
            for workout, result, _ in engine.run(
                left, lambda w: functools.partial(workouts.render_workout, w, sample), "CPU"
            ):
                if isinstance(result, Failure):
                    raise UserError(f"{workout.id}: {result}")
                progress.advance()
    workouts.write_segments(planned, work / "tables" / "segments.csv")
    return Site({w.id: sample / "videos" / f"{w.id}.mp4" for w in planned}, work / "tables")


@contextmanager
def served(site: Site) -> Iterator[Path]:
    """Serves the site while the block runs, and writes sources.csv with its addresses; gives the tables folder."""
    with server.serving(site.videos) as base:
        server.write_sources(site.tables / "sources.csv", site.videos, base)
        yield site.tables
