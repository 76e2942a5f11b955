"""Measures containers for the flow payload on real clips: size, error, and speed on one core.

    python -m tests.bench.flow_containers FOLDER [--clips 6] [--tvl1-clips 2]

FOLDER holds videos, in subfolders as well. The flow is DIS over up to 64 fields of each clip, and TV-L1 over
16 fields of a few, at 256 pixels on the shorter side. The error is against the flow before quantisation,
clipped to the bound. "16 of 61" decodes every fourth of 61 fields, as a loader does. Prints a table in
Markdown.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline import media
from pipeline.config import FlowConfig
from pipeline.flow.codec import dequantise, quantise
from pipeline.flow.solvers import solver

BOUND = 20.0
SAMPLED = range(0, 61, 4)


@dataclass(frozen=True)
class Container:
    """`encode` takes levels [T, 2H, W], x above y; `decode` gives them back, all or those numbered."""

    name: str
    encode: Callable[[np.ndarray], Any]
    decode: Callable[[Any, Sequence[int] | None], np.ndarray]


def pictures(name: str, suffix: str, parameters: Sequence[int], per_field: int) -> Container:
    """One picture for x above y, or one for each."""

    def encode(levels: np.ndarray) -> list[list[np.ndarray]]:
        return [[cv2.imencode(suffix, part, parameters)[1] for part in np.split(field, per_field)] for field in levels]

    def decode(data: list[list[np.ndarray]], numbers: Sequence[int] | None) -> np.ndarray:
        chosen = range(len(data)) if numbers is None else numbers
        return np.stack([np.concatenate([cv2.imdecode(part, 0) for part in data[i]]) for i in chosen])

    return Container(name, encode, decode)


def video(crf: int, gop: int) -> Container:
    """A grey H.264 video of x above y."""

    def encode(levels: np.ndarray) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "flow.mp4"
            media.encode(levels, path, 30, crf=crf, gop=gop, grey=True)
            return path.read_bytes()

    return Container(f"H.264 crf {crf}, key frame every {gop}", encode, media.decode_grey)


CONTAINERS = [
    pictures("grey JPEG, quality 95", ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95], per_field=2),
    pictures("PNG", ".png", [], per_field=1),
    *(video(0, gop) for gop in (1, 12, 48)),
    *(video(crf, 12) for crf in (1, 4, 8, 12)),
]


def clip_flow(path: Path, backend: str, fields: int) -> np.ndarray:
    """Flow [T, 2H, W] of the first frames of a video, x above y."""
    frames = [frame for _, frame in itertools.islice(media.decode(path, short_side=256), fields + 1)]
    flow = solver(FlowConfig(backend=backend))(np.stack(frames))
    return np.concatenate([flow[..., 0], flow[..., 1]], axis=1)


def row(container: Container, flows: list[np.ndarray]) -> str:
    size = worst = mean = encoding = decoding = sampling = 0.0
    sampled = 0
    count = sum(map(len, flows))
    for flow in flows:
        levels = quantise(flow, BOUND)
        start = time.perf_counter()
        data = container.encode(levels)
        encoded = time.perf_counter()
        found = container.decode(data, None)
        decoded = time.perf_counter()
        size += len(data) if isinstance(data, bytes) else sum(part.size for parts in data for part in parts)
        error = np.abs(dequantise(found, BOUND) - np.clip(flow, -BOUND, BOUND))
        worst, mean = max(worst, float(error.max())), mean + float(error.mean()) * len(flow)
        encoding, decoding = encoding + encoded - start, decoding + decoded - encoded
        if len(flow) >= SAMPLED.stop:
            start = time.perf_counter()
            few = container.decode(data, SAMPLED)
            sampling, sampled = sampling + time.perf_counter() - start, sampled + 1
            assert (few == found[:: SAMPLED.step][: len(SAMPLED)]).all()
    picked = f"{1e3 * sampling / sampled:.1f}" if sampled else "–"
    cells = [
        container.name,
        f"{size / count / 1e3:.2f}",
        f"{worst:.3f}",
        f"{mean / count:.4f}",
        f"{1e3 * encoding / count:.2f}",
        f"{1e3 * decoding / count:.2f}",
        picked,
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=6)
    parser.add_argument("--tvl1-clips", type=int, default=2)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    paths = sorted(path for path in arguments.folder.rglob("*.mp4"))
    for backend, clips, fields in (("dis", arguments.clips, 64), ("opencv", arguments.tvl1_clips, 16)):
        step = max(1, len(paths) // clips)
        flows = [clip_flow(path, backend, fields) for path in paths[step // 2 :: step][:clips]]
        print(f"\n{backend}: {len(flows)} clips, {sum(map(len, flows))} fields\n")
        print("| container | kB/field | max error px | mean px | encode ms | decode ms | 16 of 61, ms |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        for container in CONTAINERS:
            print(row(container, flows), flush=True)


if __name__ == "__main__":
    main()
