"""Cut: the segments of one video → clips, frame-exact, scaled so that the shorter side fits."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np

from annotations.tables import Segment, Tables
from pipeline import media
from pipeline.config import CutConfig, to_dict
from pipeline.errors import Failure, Reason, from_exception
from pipeline.files import replacing
from pipeline.ledger import Ledger
from pipeline.records import Clip, Video, clip_key, digest, file_sha256
from pipeline.run import Goal, Plan, Task

STAGE = "cut"
VERSION = 1


def key_of(segment: Segment) -> str:
    """The clip key of a segment."""
    return clip_key(segment.source, segment.start, segment.end)


def plan(tables: Tables, fetched: Plan, ledger: Ledger, work: Path, config: CutConfig) -> Plan:
    """All segments by state; one whose video failed fails for the video's reason."""
    latest = ledger.latest(STAGE)
    result = Plan(STAGE)
    for segment in tables.segments:
        key = key_of(segment)
        if not result.follow(key, fetched, segment.source):
            video = fetched.record(segment.source, Video)
            goal = digest(STAGE, VERSION, video.sha256, segment.start, segment.end, to_dict(config))
            result.sort(key, goal, latest.get(key), work)
    return result


def tasks(plan: Plan, tables: Tables, fetched: Plan, work: Path, config: CutConfig) -> list[Task]:
    """One task a video, with all its segments that are left."""
    by_source: dict[str, list[Segment]] = defaultdict(list)
    for segment in tables.segments:
        if key_of(segment) in plan.ready:
            by_source[segment.source].append(segment)
    return [
        Task(
            {(STAGE, key_of(segment)): plan.ready[key_of(segment)] for segment in segments},
            functools.partial(_call, fetched.record(source, Video), segments, work, config),
        )
        for source, segments in by_source.items()
    ]


def _call(video: Video, segments: list[Segment], work: Path, config: CutConfig) -> dict[Goal, Any]:
    return {(STAGE, key): result for key, result in cut(video, segments, work, config).items()}


def cut(video: Video, segments: Sequence[Segment], work: Path, config: CutConfig) -> dict[str, Clip | Failure]:
    """Clip or failure by key, for disjoint segments of one video.

    All are cut in one pass that decodes no frame twice and skips what lies between them where it can. A clip holds
    exactly the frames with start <= time < end.
    """
    results: dict[str, Clip | Failure] = {}
    wanted = []
    for segment in sorted(segments, key=lambda segment: segment.start):
        refused = _refuse(video, segment, config)
        if refused:
            results[key_of(segment)] = refused
        else:
            wanted.append(segment)
    ending = Failure(Reason.TRUNCATED, "the video has no frames there")
    try:
        spans = [(segment.start, segment.end) for segment in wanted]
        frames = media.decode_spans(work / video.path, spans, config.short_side)
        for number, group in itertools.groupby(frames, key=lambda found: found[0]):
            results[key_of(wanted[number])] = _encode(video, wanted[number], group, work, config)
    except av.error.FFmpegError as error:
        ending = Failure(Reason.DECODE_ERROR, str(error))
    except (media.EncodeError, OSError) as error:
        ending = from_exception(error)
    return {key_of(segment): ending for segment in wanted} | results


def _refuse(video: Video, segment: Segment, config: CutConfig) -> Failure | None:
    """Why a segment is not worth decoding, or None."""
    length = segment.end - segment.start
    if length > config.max_seconds:
        return Failure(Reason.TOO_LARGE, f"{length:.1f} s; cut.max_seconds is {config.max_seconds:g}")
    if video.duration and segment.end > video.duration + 1.5 / video.fps:
        return Failure(Reason.TOO_SHORT, f"the segment ends at {segment.end:g} s, the video at {video.duration:.2f} s")
    return None


def _encode(
    video: Video, segment: Segment, found: Iterator[tuple[int, float, np.ndarray]], work: Path, config: CutConfig
) -> Clip | Failure:
    key = key_of(segment)
    path = work / "clips" / f"{key}.mp4"
    seen = _Seen()
    with replacing(path) as part:
        count = media.encode(seen.watch(found), part, video.fps, crf=config.crf, gop=config.gop)
        failure = _incomplete(segment, seen.last, count, 1 / video.fps, config)
        if failure:
            part.unlink(missing_ok=True)
            return failure
    return Clip(
        key=key,
        source=video.id,
        start=segment.start,
        end=segment.end,
        path=str(path.relative_to(work)),
        sha256=file_sha256(path),
        frames=count,
        width=seen.width,
        height=seen.height,
        fps=video.fps,
    )


def _incomplete(segment: Segment, last: float, count: int, interval: float, config: CutConfig) -> Failure | None:
    """Why the frames that came do not make a clip, or None."""
    if segment.end - last > 2.5 * interval:
        return Failure(Reason.TRUNCATED, f"the last frame before {segment.end:g} s is at {last:.2f} s")
    if count < config.min_frames:
        return Failure(Reason.TOO_SHORT, f"{count} frames; cut.min_frames is {config.min_frames}")
    return None


class _Seen:
    """Notes size and time of the frames that pass through."""

    def __init__(self) -> None:
        self.last = float("-inf")
        self.width = self.height = 0

    def watch(self, found: Iterator[tuple[int, float, np.ndarray]]) -> Iterator[np.ndarray]:
        for _, self.last, frame in found:
            self.height, self.width = frame.shape[:2]
            yield frame
