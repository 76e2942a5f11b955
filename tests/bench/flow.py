"""Checks our TV-L1 against OpenCV's DualTVL1 and the sample's exact flow, and times both in the same run.

    python -m tests.bench.flow FOLDER [--pairs 2]

FOLDER holds videos, in subfolders as well; of each, some pairs of frames are compared at 256 pixels on the shorter
side, and of each of the sample's activities one pair. One thread, CPU time. Where there is a GPU, also accuracy and
whole clips at 340×256 there, from RGB frames in memory to levels in memory. Prints Markdown; exits with 1 if a bar is
missed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch

from pipeline import media
from pipeline.config import FlowConfig
from pipeline.flow import solvers, tvl1
from pipeline.flow.codec import quantise
from pipeline.sample.motions import MOTIONS
from pipeline.sample.truth import read_truth
from pipeline.sample.workouts import Take, Workout, render_workout

BOUND = 20.0
SHORT_SIDE, WIDTH, HEIGHT = 256, 340, 256
FRAMES = 60
"""How many frames of a clip are looked at."""
MAX_DIFFERENCE, MIN_WITHIN, MAX_WORSE, MIN_TIMES, MIN_PAIRS_PER_S = 0.1, 0.99, 1.02, 2.0, 3000
"""The bars: pixels, share of levels, error over OpenCV's, CPU speed over OpenCV's, and an H100's speed."""

GPU = torch.device("cuda") if torch.cuda.is_available() else None


@dataclass
class Work:
    """What the solver did: updates of one pixel in the inner iterations."""

    updates: int = 0


@dataclass(frozen=True)
class Compared:
    """One pair: OpenCV's field and ours [H, W, 2], and the CPU seconds and updates that they took."""

    theirs: np.ndarray
    ours: np.ndarray
    their_s: float
    our_s: float
    updates: int

    @property
    def difference(self) -> float:
        return float(np.linalg.norm(self.ours - self.theirs, axis=-1).mean())

    @property
    def within(self) -> float:
        theirs, ours = (quantise(field, BOUND).astype(int) for field in (self.theirs, self.ours))
        return float((np.abs(ours - theirs) <= 1).mean())


@contextmanager
def counted() -> Iterator[Work]:
    """Counts the updates of the torch iterations while the block runs."""
    work, step = Work(), tvl1._step

    def counting(now: list[torch.Tensor], *rest: Any) -> torch.Tensor:
        work.updates += now[0][:, 0].numel()
        return step(now, *rest)

    with mock.patch.object(tvl1, "_step", counting):
        yield work


def compare(first: np.ndarray, second: np.ndarray) -> Compared:
    """Grey uint8 [H, W] frames by OpenCV and by ours."""
    start = time.process_time()
    theirs = solvers.tvl1_opencv()(first, second)
    middle = time.process_time()
    with counted() as work, torch.inference_mode():
        ours = next(tvl1.flow(torch.from_numpy(np.stack([first, second])))).numpy()[0]
    return Compared(theirs, ours, middle - start, time.process_time() - middle, work.updates)


def clip_frames(path: Path) -> np.ndarray:
    """RGB [T, H, W, 3]."""
    frames = itertools.islice(media.decode(path, short_side=SHORT_SIDE), FRAMES)
    return np.stack([frame for _, frame in frames])


def measure_real(clips: dict[str, np.ndarray], pairs: int) -> tuple[list[Compared], bool]:
    """Each clip's row; all pairs, and whether the bars are met."""
    print("| clip | pairs | mean difference px | within ± 1 level | OpenCV s/pair | ours s/pair | times faster |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    every: list[Compared] = []
    met = True
    for name, frames in clips.items():
        pictures = solvers.grey(frames)
        starts = np.linspace(0, len(pictures) - 1, pairs + 2)[1:-1].astype(int)
        found = [compare(pictures[t], pictures[t + 1]) for t in starts]
        met &= print_row(name, found)
        every += found
    return every, met & print_row("**all**", every)


def print_row(name: str, found: list[Compared]) -> bool:
    difference, within = mean(c.difference for c in found), mean(c.within for c in found)
    theirs, ours = mean(c.their_s for c in found), mean(c.our_s for c in found)
    cells = [
        name,
        len(found),
        f"{difference:.4f}",
        f"{within:.2%}",
        f"{theirs:.2f}",
        f"{ours:.2f}",
        f"{theirs / ours:.2f}",
    ]
    print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return difference <= MAX_DIFFERENCE and within >= MIN_WITHIN


def mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values)))


def measure_sample() -> bool:
    """Errors against the exact flow, one pair of each activity."""
    found, exact, person = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        takes = tuple(Take(activity, 0.4) for activity in MOTIONS)
        render_workout(Workout("all", 5, takes), Path(folder))
        truth = read_truth(Path(folder) / "truth" / "all.npz")
        pictures = solvers.grey(np.stack([f for _, f in media.decode(Path(folder) / "videos" / "all.mp4")]))
    length = len(pictures) // len(takes)
    for t in range(1, len(pictures), length):
        found.append(compare(pictures[t], pictures[t + 1]))
        exact.append(truth.dense_flow(t))
        person.append(truth.person[t])
    print("\n| sample | pairs | mean difference px | within ± 1 level | OpenCV s/pair | ours s/pair | times faster |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    met = print_row("all activities", found)
    for where, masks in (("person", person), ("whole picture", [np.ones_like(mask) for mask in person])):
        errors = [
            mean(
                np.linalg.norm(getattr(c, field) - flow, axis=-1)[mask].mean()
                for c, flow, mask in zip(found, exact, masks, strict=True)
            )
            for field in ("theirs", "ours")
        ]
        print(f"\nError against the exact flow, {where}: OpenCV {errors[0]:.4f} px, ours {errors[1]:.4f} px", end="")
        print(f" ({errors[1] / errors[0] - 1:+.2%})")
        met &= errors[1] <= MAX_WORSE * errors[0]
    return met


def bandwidth(device: torch.device) -> float:
    """Bytes per second, read and written, of a copy of a tensor that no cache holds."""
    source = torch.zeros(2**26, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    seconds = []
    for _ in range(5):
        wait(device)
        start = time.perf_counter()
        target.copy_(source)
        wait(device)
        seconds.append(time.perf_counter() - start)
    return 2 * source.nbytes / min(seconds)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def print_speed(name: str, pairs_per_s: float, updates_per_pair: float, device: torch.device) -> None:
    limit = bandwidth(device)
    size = tvl1.update_bytes(device)
    moved = pairs_per_s * updates_per_pair * size
    print(f"\n{name}: {pairs_per_s:,.2f} pairs/s, {updates_per_pair / 1e6:.1f} M updates a pair; at {size} bytes an")
    print(f"update {moved / 1e9:,.2f} GB/s, {moved / limit:.0%} of the {limit / 1e9:,.1f} GB/s of a large copy")


def measure_gpu(clips: dict[str, np.ndarray], updates_per_pixel: float) -> bool:
    """Whole clips on the GPU as `make extract-flow` runs them, without decoding and encoding."""
    assert GPU is not None
    config = FlowConfig(backend="tvl1", bound=BOUND)
    sized = [np.stack([cv2.resize(frame, (WIDTH, HEIGHT)) for frame in frames]) for frames in clips.values()]
    solvers.levels(config, sized[0], Path())
    start = time.perf_counter()
    for frames in sized:
        solvers.levels(config, frames, Path())
    speed = sum(len(frames) - 1 for frames in sized) / (time.perf_counter() - start)
    print_speed(f"{torch.cuda.get_device_name()}, {len(sized)} clips", speed, updates_per_pixel * WIDTH * HEIGHT, GPU)
    differences, within = [], []
    for frames in sized:
        pictures = solvers.grey(frames[:2])
        ours = solvers.solver(config)(frames[:2])[0]
        pair = Compared(solvers.tvl1_opencv()(*pictures), ours, 0, 0, 0)
        differences.append(pair.difference)
        within.append(pair.within)
    print(
        f"\nGPU against OpenCV: mean difference {np.mean(differences):.4f} px, within ± 1 level {np.mean(within):.2%}"
    )
    fast = "H100" not in torch.cuda.get_device_name() or speed >= MIN_PAIRS_PER_S
    print(f"({MIN_PAIRS_PER_S:,} pairs/s are wanted of an H100)")
    return fast and max(differences) <= MAX_DIFFERENCE and min(within) >= MIN_WITHIN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=2)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    paths = sorted(arguments.folder.rglob("*.mp4"))
    clips = {str(path.relative_to(arguments.folder)): clip_frames(path) for path in paths}
    pictures = solvers.grey(next(iter(clips.values()))[:2])
    compare(*pictures)  # the first call pays for what both load
    every, met = measure_real(clips, arguments.pairs)
    met &= measure_sample()
    theirs, ours = (sum(getattr(c, name) for c in every) for name in ("their_s", "our_s"))
    updates = sum(c.updates for c in every)
    print_speed("ours, one thread", len(every) / ours, updates / len(every), torch.device("cpu"))
    print(f"\nOpenCV, one thread: {len(every) / theirs:.2f} pairs/s; ours is {theirs / ours:.2f} times as fast")
    met &= theirs >= MIN_TIMES * ours
    if GPU:
        met &= measure_gpu(clips, updates / sum(c.ours[..., 0].size for c in every))
    else:
        print("\nno CUDA device here: the GPU's figures are not measured; the same command does it where there is one")
    print("\nall bars met" if met else "\na bar is missed")
    sys.exit(not met)


if __name__ == "__main__":
    main()
