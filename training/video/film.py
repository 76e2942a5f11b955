"""A watched video as a film: the video with the skeleton on it, and beside it the body map of that moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

from pipeline import media
from pipeline.files import replacing
from pipeline.pose.layouts import LAYOUTS
from pipeline.pose.overlay import draw
from pipeline.progress import bar
from training.video import chart
from training.video.parts import opened
from training.video.watch import Watched

FASTEST = 30.0
"""Frames per second; a video with more loses some."""
MAPS_PER_SECOND = 10.0
WIDEST = 960
"""Pixels of the video in the film, which is as high as the body map."""
QUALITY, GOP = 20, 30

Moment = tuple[np.ndarray, np.ndarray]
"""What is known of a frame: joints [V, 3] as in `Watched`, probabilities [20], NaN where nobody is seen."""


def write(
    video: Path,
    watched: Sequence[Watched],
    drawn: Callable[[np.ndarray, float], chart.Drawing],
    path: Path,
    console: Console,
) -> None:
    """Writes the film as mp4; `drawn` gives the body map for probabilities [20] and a time in seconds."""
    info = opened(video)
    rate = min(info.fps, FASTEST)
    size = fitted(info.width, info.height)
    way = cv2.INTER_AREA if size[0] <= info.width else cv2.INTER_CUBIC
    total = round(info.duration * rate) or None
    layout = next(LAYOUTS[part.layout] for part in watched if part.layout)
    with bar("film", total, "frames", console) as progress, replacing(path) as part:

        def pictures() -> Iterator[np.ndarray]:
            panel, shown = np.zeros(0), -1
            for number, frame, (joints, probabilities) in evenly(_known(video, watched, size), rate):
                now = int(number * MAPS_PER_SECOND / rate)
                if now != shown:
                    panel, shown = chart.pixels(drawn(probabilities, number / rate)), now
                picture = cv2.resize(frame, size, interpolation=way)
                if len(joints):
                    picture = draw(picture, joints * np.array([*size, 1], np.float32), layout)
                yield beside(picture, panel)
                progress.advance()

        media.encode(pictures(), part, rate, crf=QUALITY, gop=GOP)


def fitted(width: int, height: int) -> tuple[int, int]:
    """Even (width, height) with the video's aspect, as large as its place in the film."""
    scale = min(WIDEST / width, chart.HEIGHT / height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def beside(picture: np.ndarray, panel: np.ndarray) -> np.ndarray:
    """The picture [H, W, 3] in the middle of a dark ground as high as the panel, and the panel to its right."""
    ground = np.full((len(panel), picture.shape[1], 3), 24, np.uint8)
    top = (len(panel) - len(picture)) // 2
    ground[top : top + len(picture)] = picture
    return np.concatenate([ground, panel], axis=1)


def evenly(found: Iterator[tuple[float, np.ndarray, Moment]], rate: float) -> Iterator[tuple[int, np.ndarray, Moment]]:
    """(number, frame, moment) at an even rate: at each tick the last frame that has come by then."""
    number, last = 0, None
    for time, frame, moment in found:
        while last is not None and number / rate < time - 0.5 / rate:
            yield number, *last
            number += 1
        last = frame, moment
    if last is not None:
        yield number, *last


def _known(
    video: Path, watched: Sequence[Watched], size: tuple[int, int]
) -> Iterator[tuple[float, np.ndarray, Moment]]:
    """The frames of the video with their times, and what is known of each."""
    moments = (moment for part in watched for moment in zip(part.times, part.joints, over_time(part), strict=True))
    ahead = next(moments, None)
    for time, frame in media.decode(video, min(size)):
        known = np.zeros((0, 3)), np.full(20, np.nan)
        if ahead is not None and ahead[0] <= time:
            known, ahead = ahead[1:], next(moments, None)
        yield time, frame, known


def over_time(part: Watched) -> np.ndarray:
    """[T, 20] for each frame: between the middles of windows in which somebody is seen, and NaN outside of these."""
    known = ~np.isnan(part.probabilities).any(axis=1)
    frames = np.arange(len(part.times))
    if not known.any():
        return np.full((len(frames), 20), np.nan, np.float32)
    middles = part.windows[known].mean(axis=1) - 0.5
    found = np.stack([np.interp(frames, middles, one) for one in part.probabilities[known].T], axis=1)
    covered = np.zeros(len(frames), bool)
    for start, end in part.windows[known]:
        covered[start:end] = True
    covered[part.windows.max() :] = covered[part.windows.max() - 1]  # flow has one field less than there are frames
    found[~covered] = np.nan
    return found
