"""Shards → batches: which clips, in which order, which frames of them, as tensors.

Nothing here is random but the order and the windows, and both follow from (seed, epoch): an epoch holds every
clip once, and one that was stopped goes on where it was. A clip that cannot be decoded stops the run with its
key; none is ever put in another's place.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from pipeline import media
from pipeline.errors import UserError
from pipeline.flow import codec as flow_codec
from pipeline.pose import codec as pose_codec
from pipeline.pose.layouts import LAYOUTS, Layout
from pipeline.reader import Dataset
from training.config import DataConfig


class Request(NamedTuple):
    """One look at one row of the dataset."""

    row: int
    place: float
    """Where its window lies: 0 at the clip's start, towards 1 at its end."""
    side: float = 0.5
    """Where the square lies along the pictures' longer side: 0 at the left or top, 1 at the right or bottom."""


class Sample(NamedTuple):
    key: str
    row: int
    target: Tensor
    inputs: dict[str, Tensor]


class Batch(NamedTuple):
    """B clips. `target` [B, 20] float; `inputs` by modality as `Clips` gives them, with B in front."""

    keys: list[str]
    rows: list[int]
    target: Tensor
    inputs: dict[str, Tensor]


@dataclass(frozen=True)
class Undecodable:
    """A payload that its decoder refuses."""

    key: str
    modality: str
    detail: str


class Clips(TorchDataset):
    """Windows of clips, decoded, asked for by a `Request`, which is for the centre square if it says nothing else.

    rgb, rgbdiff: uint8 [3, T, S, S], the square. flow: float [2, T, S, S], x and y as shares of the bound.
    skeleton: float [3, T', V, 1], x and y with the square as [-1, 1], score; all zero where nobody is seen.
    """

    def __init__(self, dataset: Dataset, config: DataConfig) -> None:
        self.dataset = dataset
        self.config = config
        index = dataset.index
        self._counts = {m: index[f"{m}_frames"].tolist() for m in dataset.modalities}
        self._sizes = list(zip(index["width"], index["height"], strict=True))
        self._cache: dict[tuple[int, str, float], np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def layout(self) -> Layout:
        """The joints of the skeletons."""
        return LAYOUTS[self._detail("skeleton")["layout"]]

    def target(self, row: int) -> Tensor:
        """The active muscle groups, [20] float of zeros and ones."""
        return torch.tensor(self.dataset.label(row)["muscles"], dtype=torch.float32)

    def frames(self, row: int) -> int:
        """How many the clip has."""
        return max(counts[row] for counts in self._counts.values())

    def __getitem__(self, request: Request) -> Sample | Undecodable:
        key = self.dataset.keys[request.row]
        inputs = {}
        for modality in self.dataset.modalities:
            try:
                inputs[modality] = torch.from_numpy(self._window(request, modality))
            except (av.error.FFmpegError, ValueError, IndexError) as error:
                return Undecodable(key, modality, str(error))
        return Sample(key, request.row, self.target(request.row), inputs)

    def _window(self, request: Request, modality: str) -> np.ndarray:
        """One modality of one window, channels first."""
        row, place, side = request
        frames = frame_numbers({m: counts[row] for m, counts in self._counts.items()}, modality, self.config, place)
        if self.config.cache:
            if (row, modality, side) not in self._cache:
                every = np.arange(self._counts[modality][row])
                self._cache[row, modality, side] = self._decode(row, modality, every, side)
            chosen = self._cache[row, modality, side][frames]
        else:
            chosen = self._decode(row, modality, frames, side)
        return channels_first(chosen)

    def _decode(self, row: int, modality: str, frames: np.ndarray, side: float) -> np.ndarray:
        """The square of the frames asked for, channels last."""
        shape = Shape(*self._sizes[row], side, self.config.size)
        return decoded(self.dataset.read(row, modality), modality, frames, shape, self._detail(modality))

    def _detail(self, modality: str) -> dict[str, Any]:
        detail: dict[str, Any] = self.dataset.manifest["modalities"][modality]["detail"]
        return detail


class Shape(NamedTuple):
    """Which square of a clip's pictures is seen: their width and height, `side` as in `Request`, and the pixels that
    it is scaled to."""

    width: int
    height: int
    side: float
    size: int


def frame_numbers(counts: Mapping[str, int], modality: str, config: DataConfig, place: float) -> np.ndarray:
    """The frames of one modality that a window shows, of a clip whose modalities have `counts` frames."""
    samples = config.skeleton_frames if modality == "skeleton" else config.frames
    frames = window_frames(max(counts.values()), config.window, samples, place)
    return np.minimum(frames, counts[modality] - 1)  # flow has one field less than the clip frames


def decoded(data: bytes, modality: str, frames: np.ndarray, shape: Shape, detail: Mapping[str, Any]) -> np.ndarray:
    """The square of those frames of a payload, channels last, as `Clips` describes them; `detail` is the manifest's."""
    if modality == "skeleton":
        return normalised(pose_codec.decode(data).joints[frames], shape.width, shape.height, shape.side)
    if modality == "flow":
        fields = flow_codec.decode(data, detail["bound"], frames.tolist())
        return squares(fields, shape.size, shape.side) / np.float32(detail["bound"])
    return squares(media.decode_video(data, frames.tolist()), shape.size, shape.side)


def channels_first(chosen: np.ndarray) -> np.ndarray:
    """[T, ..., C] → [C, T, ...]."""
    return np.ascontiguousarray(np.moveaxis(chosen, -1, 0))


def window_frames(clip_frames: int, window: int, samples: int, place: float) -> np.ndarray:
    """`samples` frame numbers evenly over `window` frames of the clip; a shorter clip is repeated.

    Modalities that are sampled more or less densely see the same stretch of time, for equal `place` in [0, 1).
    """
    start = int(place * (max(0, clip_frames - window) + 1))
    return (start + np.arange(samples) * window // samples) % clip_frames


def square(width: int, height: int, side: float) -> tuple[int, int, int]:
    """Left, top and length in pixels of the largest square; `side` as in `Request`."""
    length = min(width, height)
    return int((width - length) * side), int((height - length) * side), length


def squares(frames: np.ndarray, size: int, side: float = 0.5) -> np.ndarray:
    """The square of each frame [T, H, W, C], scaled to `size` pixels."""
    left, top, length = square(frames.shape[2], frames.shape[1], side)
    cropped = frames[:, top : top + length, left : left + length]
    return np.stack([cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA) for frame in cropped])


def normalised(joints: np.ndarray, width: int, height: int, side: float = 0.5) -> np.ndarray:
    """Joints [T, V, 3] in pixels → [T, V, 1, 3] with the square as [-1, 1]; zero without score."""
    left, top, length = square(width, height, side)
    half = length / 2
    centre = np.array([left + half, top + half], dtype=np.float32)
    positions = (joints[..., :2] - centre) / np.float32(half)
    positions[joints[..., 2] == 0] = 0
    return np.concatenate([positions, joints[..., 2:]], axis=-1)[:, :, None]


class Batches(Sampler):
    """The batches of one device in one epoch, from `position` on: each clip once over all devices.

    Batches differ by one clip at most, so that none is left tiny. One global order and the windows follow from (seed,
    epoch). `position` counts the clips of that order that all devices have had: these three numbers are the whole
    state, and another number of devices goes on from them with no clip twice or lost. Call `start` before each epoch.
    A device for which a step has no clip is lent the step's first one, at weight zero.
    """

    def __init__(self, rows: Sequence[int], batch_size: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.rows = np.asarray(rows)
        self.seed, self.rank, self.world = seed, rank, world
        self.together = batch_size * world
        self.steps = -(-len(rows) // self.together)
        self.start(0)

    def start(self, epoch: int, position: int = 0) -> None:
        """The next iteration gives the batches of this epoch after its first `position` clips."""
        self.epoch, self.position = epoch, position

    def clips_of_step(self, position: int) -> int:
        """How many clips all devices together take in the step that starts at this position."""
        left = len(self.rows) - position
        return -(-left // -(-left // self.together))

    def weight(self, position: int) -> float:
        """The weight of this device's mean in one over devices, in the step there: every clip counts alike."""
        return len(self._mine(position)) * self.world / self.clips_of_step(position)

    def passed(self, epoch: int, position: int) -> float:
        """Steps of this number of devices that take as many clips as the run has had, whatever devices had them."""
        return (epoch + position / len(self.rows)) * self.steps

    def _mine(self, position: int) -> np.ndarray:
        """Places in the order that are this device's in the step there; none if there are fewer than devices."""
        step = np.arange(position, position + self.clips_of_step(position))
        return np.array_split(step, self.world)[self.rank]

    def __len__(self) -> int:
        return -(-(len(self.rows) - self.position) // self.together)

    def __iter__(self) -> Iterator[list[Request]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order, places = rng.permutation(self.rows), rng.random(len(self.rows))
        position = self.position
        while position < len(order):
            mine = self._mine(position)
            yield [Request(int(order[i]), float(places[i])) for i in (mine if len(mine) else [position])]
            position += self.clips_of_step(position)


def in_order(rows: Sequence[int], batch_size: int, place: float, side: float) -> list[list[Request]]:
    """Batches that hold each row once, in order, seen alike."""
    return [[Request(row, place, side) for row in rows[i : i + batch_size]] for i in range(0, len(rows), batch_size)]


def loader(clips: Clips, batches: Sampler | list[list[Request]], workers: int, pin: bool) -> DataLoader:
    """Decodes batches, ahead of time where there are worker processes; never more of them than cores."""
    workers = min(workers, len(os.sched_getaffinity(0)))
    return DataLoader(
        clips,
        batch_sampler=batches,
        num_workers=workers,
        multiprocessing_context=_fresh_processes() if workers else None,
        collate_fn=_collate,
        pin_memory=pin,
        persistent_workers=workers > 0 and isinstance(batches, Batches),
        worker_init_fn=_one_thread,
    )


def _fresh_processes() -> BaseContext:
    """Forks from a server without threads: a fork of this process may inherit a lock that nobody opens again."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def checked(batch: Batch | Undecodable) -> Batch:
    """The batch. Raises UserError with the key of a clip that cannot be decoded."""
    if isinstance(batch, Undecodable):
        raise UserError(f"{batch.key}: its {batch.modality} cannot be decoded ({batch.detail}); remake the shards")
    return batch


def _collate(samples: list[Sample | Undecodable]) -> Batch | Undecodable:
    good = [sample for sample in samples if isinstance(sample, Sample)]
    if len(good) < len(samples):
        return next(sample for sample in samples if isinstance(sample, Undecodable))
    inputs = {m: torch.stack([sample.inputs[m] for sample in good]) for m in good[0].inputs}
    target = torch.stack([sample.target for sample in good])
    return Batch([sample.key for sample in good], [sample.row for sample in good], target, inputs)


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(1)
