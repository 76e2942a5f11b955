"""What a trained run sees in any video: the probability of each muscle group, over time.

The video is taken part by part, each made into a clip and extracted with the settings of the dataset that the run was
trained on (its manifest has them), so that the model is shown what it would be shown of a shard. Windows as long as
the model sees at once overlap by half; one in which nobody is seen has no probabilities.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from pipeline import extract
from pipeline.errors import Failure, Reason, UserError
from pipeline.files import replacing
from pipeline.pose import codec as pose_codec
from pipeline.progress import bar
from pipeline.records import Payload, digest, file_sha256
from training.config import CROPS
from training.data import Shape, channels_first, decoded, frame_numbers
from training.predict import one_look
from training.video.parts import Part, opened, part_length, parts
from training.video.trained import Trained

VERSION = 1
"""Goes up when a part gives other numbers; those that are kept are then made again."""


@dataclass(frozen=True, eq=False)
class Watched:
    """A part of T frames with V joints and N windows, after the model has seen it."""

    times: np.ndarray
    """[T] seconds of the video."""
    joints: np.ndarray
    """[T, V, 3] float32: x and y as shares of width and height, score; zero where nobody is seen."""
    seen: np.ndarray
    """[T] bool: somebody is seen in the frame, or in those around a short gap."""
    windows: np.ndarray
    """[N, 2] the first frame, and the one behind the last."""
    probabilities: np.ndarray
    """[N, 20] float32; NaN where nobody is seen in the window."""
    clip: np.ndarray
    """[20] as `evaluate` scores a clip of these frames; NaN where the dataset would have rejected it as no-person."""
    layout: str = ""
    """Of the joints (`pipeline.pose.layouts`); empty where there are none."""


def watch(trained: Trained, video: Path, kept: Path, console: Console) -> list[Watched]:
    """The video part by part. Each is kept in the folder `kept` as soon as it is done, and not made again.

    Raises UserError for what is no video, or one that cannot be decoded.
    """
    info = opened(video)
    length = part_length(info.duration, trained.longest_s)
    goal = digest(VERSION, extract.VERSIONS, file_sha256(video), trained.identity, length)[:16]
    kept.mkdir(parents=True, exist_ok=True)

    def file(number: int) -> Path:
        return kept / f"{goal}-{number:06d}.npz"

    total = round(info.duration / length) or None
    with tempfile.TemporaryDirectory(dir=kept) as work, bar("predict", total, "parts", console) as progress:
        for part in parts(video, length, trained.settings.cut, Path(work), lambda number: file(number).is_file()):
            with replacing(file(part.number)) as unfinished, unfinished.open("wb") as stream:
                np.savez(stream, **vars(_watched(trained, part, Path(work), video)))
            progress.advance()
    return [_read(path) for path in sorted(kept.glob(f"{goal}-*.npz"))]


def _read(path: Path) -> Watched:
    with np.load(path) as arrays:
        return Watched(**{name: value.item() if value.ndim == 0 else value for name, value in arrays.items()})


def _watched(trained: Trained, part: Part, work: Path, video: Path) -> Watched:
    payloads = _extracted(trained, part, work, video)
    if not payloads:
        return _nobody(part, trained.config.data.window)
    skeleton = pose_codec.decode((work / payloads["skeleton"].path).read_bytes())
    seen = skeleton.found | skeleton.interpolated
    data = trained.config.data
    windows = _windows(max(payloads[m].frames for m in trained.model.modalities), data.window)
    places, sides = (windows[:, 0] + 0.5) / (windows[-1, 0] + 1), CROPS[data.crops]
    scores = _scores(trained, payloads, work, [*product(places, sides), *data.looks])
    of_windows, of_clip = np.split(scores, [len(windows) * len(sides)])
    probabilities = of_windows.reshape(len(windows), len(sides), 20).mean(axis=1)
    probabilities[[not seen[start:end].any() for start, end in windows]] = np.nan
    joints = (skeleton.joints / (part.clip.width, part.clip.height, 1)).astype(np.float32)
    return Watched(part.times, joints, seen, windows, probabilities, of_clip.mean(axis=0), skeleton.layout)


def _nobody(part: Part, window: int) -> Watched:
    """A part in which nobody is seen in enough frames."""
    frames = len(part.times)
    windows = _windows(frames, window)
    nothing = np.full((len(windows), 20), np.nan, np.float32)
    return Watched(
        part.times, np.zeros((frames, 0, 3), np.float32), np.zeros(frames, bool), windows, nothing, nothing[0]
    )


def _extracted(trained: Trained, part: Part, work: Path, video: Path) -> dict[str, Payload]:
    """The payloads that the model reads, and the skeleton; nothing where the dataset would have said no-person."""
    found = extract.extract(
        part.clip, list(dict.fromkeys([*trained.model.modalities, "skeleton"])), work, trained.settings
    )
    payloads = {}
    for modality, result in found.items():
        if isinstance(result, Failure):
            if result.reason == Reason.NO_PERSON:
                return {}
            raise UserError(f"{video}: from {part.times[0]:.2f} s on: {result}")
        for name, value in trained.detail(modality).items():
            if result.detail.get(name) != value:
                raise UserError(
                    f"{modality}: {name} is {result.detail.get(name)} here and {value} in version "
                    f"{trained.release.version}; use the code and the models that made it"
                )
        payloads[modality] = result
    return payloads


def _windows(frames: int, window: int) -> np.ndarray:
    """[N, 2] of stretches as long as the model's window that overlap by half, the last one at the end of the clip."""
    last = max(0, frames - window)
    starts = np.array(sorted({*range(0, last, max(1, window // 2)), last}))
    return np.stack([starts, np.minimum(starts + window, frames)], axis=1)


def _scores(
    trained: Trained, payloads: Mapping[str, Payload], work: Path, looks: Sequence[tuple[float, float]]
) -> np.ndarray:
    """[N, 20] for looks at one clip: place in time and side, as `Clips` is asked for them."""
    data, batch = trained.config.data, trained.config.optim.batch_size
    read = {m: payloads[m] for m in trained.model.modalities}
    counts = {m: payload.frames for m, payload in read.items()}

    @functools.cache
    def whole(modality: str, side: float) -> np.ndarray:
        payload = read[modality]
        shape = Shape(payload.width, payload.height, side, data.size)
        every = np.arange(payload.frames)
        return decoded((work / payload.path).read_bytes(), modality, every, shape, trained.detail(modality))

    def seen(modality: str, place: float, side: float) -> torch.Tensor:
        frames = frame_numbers(counts, modality, data, place)
        return torch.from_numpy(channels_first(whole(modality, side)[frames]))

    found = []
    for first in range(0, len(looks), batch):
        inputs = {m: torch.stack([seen(m, *look) for look in looks[first : first + batch]]) for m in read}
        found.append(one_look(trained.fabric, trained.model, trained.fabric.to_device(inputs), trained.config).cpu())
    return torch.cat(found).numpy()
