"""Detect: where clips may lie in a downloaded video, for a person to name. One table of proposals a video.

A proposal is a scene between two cuts, or a window of it, in which somebody can be seen. Nothing is proposed for a
video that has segments already.
"""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from annotations.tables import SEGMENT_COLUMNS, Tables
from pipeline import media
from pipeline.config import Config, to_dict
from pipeline.errors import Failure, Reason
from pipeline.files import replacing, write_table
from pipeline.ledger import Ledger
from pipeline.pose.estimate import estimator
from pipeline.records import Video, digest
from pipeline.run import Goal, Plan, Task

STAGE = "detect"
VERSION = 1
LOOKS = 5
"""Frames of a span in which a person is looked for."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Proposals:
    """What was found in one video: the table at `path`, relative to the work folder, and its number of rows."""

    source: str
    path: str
    spans: int


def plan(tables: Tables, fetched: Plan, ledger: Ledger, work: Path, config: Config) -> Plan:
    """The downloaded videos without segments, by state."""
    latest = ledger.latest(STAGE)
    cut_already = {segment.source for segment in tables.segments}
    settings = [to_dict(config.detect), to_dict(config.skeleton) if config.detect.person else None]
    result = Plan(STAGE)
    for source in tables.sources:
        if source not in cut_already and not result.follow(source, fetched, source):
            video = fetched.record(source, Video)
            result.sort(source, digest(STAGE, VERSION, video.sha256, settings), latest.get(source), work)
    return result


def tasks(plan: Plan, fetched: Plan, work: Path, config: Config) -> list[Task]:
    """One task a video."""
    return [
        Task({(STAGE, source): goal}, functools.partial(_call, fetched.record(source, Video), work, config))
        for source, goal in plan.ready.items()
    ]


def _call(video: Video, work: Path, config: Config) -> dict[Goal, Any]:
    return {(STAGE, video.id): detect(video, work, config)}


def detect(video: Video, work: Path, config: Config) -> Proposals | Failure:
    """Writes work/proposals/<id>.csv. A video in which nobody can be seen is rejected as no-person."""
    found = scenes(work / video.path, config.detect.scene_threshold) if config.detect.scenes else []
    whole = found or [(0.0, video.duration)]
    spans = [span for scene in whole for span in windows(*scene, config.detect.window_s)]
    spans = [(start, end) for start, end in spans if end - start >= config.detect.min_s]
    try:
        kept = [span for span in spans if not config.detect.person or _shows_person(video, span, work, config)]
    except av.error.FFmpegError as error:
        return Failure(Reason.DECODE_ERROR, str(error))
    if spans and not kept:
        return Failure(Reason.NO_PERSON, f"nobody in any of {len(spans)} spans")
    path = work / "proposals" / f"{video.id}.csv"
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([(video.id, f"{start:.3f}", f"{end:.3f}", "") for start, end in kept])
    return Proposals(video.id, str(path.relative_to(work)), len(kept))


def scenes(path: Path, threshold: float) -> list[Span]:
    """Start and end in seconds between the cuts that PySceneDetect's ContentDetector finds; empty without a cut."""
    import scenedetect  # takes half a second, and only this stage needs it

    detector = scenedetect.ContentDetector(threshold=threshold)
    found = scenedetect.detect(str(path), detector)
    return [(start.get_seconds(), end.get_seconds()) for start, end in found]


def windows(start: float, end: float, longest: float) -> Iterator[Span]:
    """Equal windows of at most `longest` seconds that cover a span."""
    count = max(1, math.ceil((end - start) / longest))
    length = (end - start) / count
    return ((start + i * length, start + (i + 1) * length) for i in range(count))


def _shows_person(video: Video, span: Span, work: Path, config: Config) -> bool:
    """Whether a person is found in some frames spread over the span."""
    start, end = span
    step = (end - start) / LOOKS
    looks = [(time := start + (i + 0.5) * step, time + 1.5 / video.fps) for i in range(LOOKS)]
    found = {number: frame for number, _, frame in media.decode_spans(work / video.path, looks, config.cut.short_side)}
    return bool(found) and not isinstance(
        estimator(config.skeleton)(np.stack(list(found.values())), LOOKS / (end - start)), Failure
    )


def collect(plan: Plan, work: Path) -> tuple[Path, int]:
    """Writes all proposals so far as one table; its path and how many rows it has."""
    path = work / "proposals.csv"
    rows: list[list[str]] = []
    for source in sorted(plan.done):
        with (work / plan.record(source, Proposals).path).open(newline="", encoding="utf-8") as stream:
            rows += csv.reader(stream)
    write_table(path, SEGMENT_COLUMNS, rows)
    return path, len(rows)
