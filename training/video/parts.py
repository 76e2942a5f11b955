"""Any video as clips: parts that are cut with the settings of a dataset, as its own clips were.

A file that is a clip already (H.264 in mp4, no larger and no longer) is not encoded a second time: a clip of the
dataset, given as a file, has the pixels that it has there.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from pipeline import media
from pipeline.config import CutConfig
from pipeline.errors import Failure, UserError
from pipeline.files import share
from pipeline.records import Clip, clip_key, file_sha256

SLACK_S = 5e-4
"""A frame this little before a part's start is meant for it: times are rounded to the ticks of the container."""


@dataclass(frozen=True, eq=False)
class Part:
    """One stretch of a video as a clip; `times` [T] are those of its frames, in seconds of the video."""

    number: int
    clip: Clip
    times: np.ndarray


def opened(video: Path) -> media.VideoInfo:
    """What the file is. Raises UserError with the reason if it is no video that can be decoded."""
    if not video.is_file():
        raise UserError(f"{video}: no such file; VIDEO= is a video file, or the id or address of a YouTube video")
    info = media.probe(video)
    if isinstance(info, Failure):
        raise UserError(f"{video}: {info}")
    return info


def name_of(video: Path) -> str:
    """The file's name without its ending, with nothing in it that a key or a folder must not have."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", video.stem)[:100]


def part_length(duration: float, longest_s: float) -> float:
    """Seconds of each part: equal ones of at most `longest_s`, or just these where the duration is not known (0)."""
    return duration / math.ceil(duration / longest_s) if duration else longest_s


def parts(
    video: Path, length: float, config: CutConfig, work: Path, is_done: Callable[[int], bool] = lambda number: False
) -> Iterator[Part]:
    """The video in parts of `length` seconds, in one pass; a clip lies in `work` until the next one comes.

    Parts that are done are passed over, and so are those with too few frames for a clip. Raises UserError where the
    video cannot be decoded.
    """
    info = opened(video)
    is_clip = _is_clip(video, info, length, config)
    path = work / "clips" / "part.mp4"
    path.parent.mkdir(exist_ok=True)
    frames = media.decode(video, config.short_side)
    taken = _Taken(iter(()))
    try:
        for number, group in itertools.groupby(frames, lambda found: 0 if is_clip else _number(found[0], length)):
            if is_done(number):
                continue
            taken = _Taken(group)
            if is_clip:
                share(video, path)
                taken.exhaust()
            else:
                media.encode(taken, path, info.fps, crf=config.crf, gop=config.gop)
            if len(taken.times) >= config.min_frames:
                times = np.array(taken.times)
                key = name_of(video) if is_clip else clip_key(name_of(video), times[0], times[-1] + 1 / info.fps)
                yield Part(number, _clip(key, path, work, taken, info.fps), times)
    except (av.error.FFmpegError, media.EncodeError) as error:
        after = f" after {taken.times[-1]:.2f} s" if taken.times else ""
        raise UserError(f"{video}: cannot be decoded{after} ({error})") from None


def _number(time: float, length: float) -> int:
    return max(0, int((time + SLACK_S) / length))


def _clip(key: str, path: Path, work: Path, taken: _Taken, fps: float) -> Clip:
    return Clip(
        key=key,
        source=key,
        start=taken.times[0],
        end=taken.times[-1] + 1 / fps,
        path=str(path.relative_to(work)),
        sha256=file_sha256(path),
        frames=len(taken.times),
        width=taken.width,
        height=taken.height,
        fps=fps,
    )


def _is_clip(video: Path, info: media.VideoInfo, length: float, config: CutConfig) -> bool:
    """Whether the file needs neither cutting nor scaling nor another encoding."""
    if not 0 < info.duration <= length or media.fit(info.width, info.height, config.short_side) != (
        info.width,
        info.height,
    ):
        return False
    with media.open_video(video) as container:
        return "mp4" in container.format.name and container.streams.video[0].codec_context.name == "h264"


class _Taken:
    """Frames that pass through; notes their times and size."""

    def __init__(self, found: Iterator[tuple[float, np.ndarray]]) -> None:
        self._found = found
        self.times: list[float] = []
        self.width = self.height = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        for time, frame in self._found:
            self.times.append(time)
            self.height, self.width = frame.shape[:2]
            yield frame

    def exhaust(self) -> None:
        for _ in self:
            pass
