"""What a run says of a video, as files: prediction.json, bodymap.svg, over-time.svg and prediction.mp4."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from pipeline.errors import UserError
from pipeline.files import locked, write_text
from training.video import chart, film, timeline
from training.video.parts import name_of, opened
from training.video.trained import Trained
from training.video.watch import Watched, watch

JSON, MAP, OVER_TIME, FILM = "prediction.json", "bodymap.svg", "over-time.svg", "prediction.mp4"
KEPT = "parts"
"""Folder with the parts that are done, until all files are."""

SHOWN = 5
"""Groups, and spans without a person, that are named on the terminal."""

TITLE = 60
"""Letters of the video's name that find room on the pictures."""

Span = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Where the files are, and what they say in short: [20] mean over all windows, spans in which nobody is seen."""

    folder: Path
    mean: np.ndarray
    nobody: list[Span]


def predict(trained: Trained, video: Path, out: Path, console: Console) -> Prediction:
    """Writes the files of a video to a folder in `out` that has its name.

    Raises UserError for what is no video that can be decoded, and for one in which nobody is seen.
    """
    folder = out / name_of(video)
    opened(video)
    with locked(folder, "prediction"):
        watched = watch(trained, video, folder / KEPT, console)
        if not watched:
            raise UserError(f"{video}: too short; a clip has at least {trained.settings.cut.min_frames} frames")
        found = np.concatenate([part.probabilities for part in watched])
        found = found[~np.isnan(found).any(axis=1)]
        if not len(found):
            end = watched[-1].times[-1]
            raise UserError(f"{video}: nobody is seen in it, from 0 to {end:.1f} s; there is nothing to predict")
        prediction = Prediction(folder, found.mean(axis=0), _nobody(watched))
        _write(trained, video, watched, prediction, console)
        shutil.rmtree(folder / KEPT)
    return prediction


def show(prediction: Prediction, trained: Trained, console: Console) -> None:
    """The groups that are likeliest on average, where nobody is seen, and where the files are."""
    order = np.argsort(-prediction.mean)[:SHOWN]
    names = list(trained.muscles.values())
    console.print(", ".join(f"{names[i]} {prediction.mean[i]:.0%}" for i in order), soft_wrap=True, highlight=False)
    if prediction.nobody:
        longest = sorted(sorted(prediction.nobody, key=lambda span: span[0] - span[1])[:SHOWN])
        spans = ", ".join(f"{start:.1f}–{end:.1f} s" for start, end in longest)
        more = len(prediction.nobody) - len(longest)
        ending = f" and {more} shorter times ({JSON})" if more else ""
        console.print(f"nobody is seen at {spans}{ending}", soft_wrap=True, highlight=False)
    console.print(f"written to {prediction.folder}", soft_wrap=True, markup=False)


def _write(trained: Trained, video: Path, watched: Sequence[Watched], prediction: Prediction, console: Console) -> None:
    folder, names, top = prediction.folder, trained.muscles, _top(trained, watched)
    title = video.name if len(video.name) <= TITLE else f"{video.name[: TITLE - 1]}…"
    note = f"{trained.name}, dataset {trained.release.version}"

    def drawn(probabilities: np.ndarray, words: str) -> chart.Drawing:
        return chart.chart(dict(zip(names, map(float, probabilities), strict=True)), names, title, words, top)

    about = describe(trained, video, watched, prediction)
    write_text(folder / JSON, json.dumps(about, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(folder / MAP, chart.svg(drawn(prediction.mean, f"{note}; mean over the video")))
    write_text(folder / OVER_TIME, timeline.svg(watched, list(names.values()), title, top))
    film.write(video, watched, lambda p, time: drawn(p, f"{note}; {time:.1f} s"), folder / FILM, console)


def _top(trained: Trained, watched: Sequence[Watched]) -> float:
    """The end of the colour scale: 1, but for a softmax, which shares 1 among the groups, the largest in tenths."""
    if trained.config.model.head != "softmax":
        return 1.0
    largest = np.nanmax(np.concatenate([part.probabilities for part in watched]))
    return float(np.ceil(10 * largest) / 10)


def _nobody(watched: Sequence[Watched]) -> list[Span]:
    """Start and end in seconds of all stretches of frames in which nobody is seen."""
    times = np.concatenate([part.times for part in watched])
    unseen = np.concatenate([~part.seen for part in watched])
    ends = np.append(times[1:], times[-1] + np.median(np.diff(times)))
    edges = np.flatnonzero(np.diff(unseen.astype(int), prepend=0, append=0)).reshape(-1, 2)
    return [(float(times[first]), float(ends[last - 1])) for first, last in edges]


def describe(trained: Trained, video: Path, watched: Sequence[Watched], prediction: Prediction) -> dict[str, Any]:
    """What prediction.json says; times are seconds of the video, probabilities in the order of `muscles`."""
    info = opened(video)
    return {
        "video": {"path": str(video), "width": info.width, "height": info.height, "fps": info.fps},
        "model": {**trained.identity, "code": version("musclemap")},
        "muscles": list(trained.muscles),
        "mean": _numbers(prediction.mean),
        "windows": [
            {"start": start, "end": end, "probabilities": _numbers(probabilities)}
            for part in watched
            for (start, end), probabilities in zip(_times(part), part.probabilities, strict=True)
        ],
        "clips": [
            {"start": _times(part)[0][0], "end": _times(part)[-1][1], "probabilities": _numbers(part.clip)}
            for part in watched
        ],
        "nobody_seen": [{"start": round(start, 3), "end": round(end, 3)} for start, end in prediction.nobody],
    }


def _times(part: Watched) -> list[Span]:
    """Start and end of each window in seconds."""
    ends = np.append(part.times[1:], part.times[-1] + np.median(np.diff(part.times)))
    return [(round(float(part.times[a]), 3), round(float(ends[b - 1]), 3)) for a, b in part.windows]


def _numbers(probabilities: np.ndarray) -> list[float] | None:
    return None if np.isnan(probabilities).any() else [round(float(value), 6) for value in probabilities]
