"""Leakage of a version's splits: source videos on two sides, and clips of two sides with nearly the same frame.

A frame is compared by its perceptual hash (OpenCV's PHash: the signs of the 64 lowest DCT coefficients of a 32×32
grey picture), which survives another size, rate of compression or brightness, so it finds an uploaded copy of a video
under another id. Frames with hardly any contrast, such as black ones, look alike everywhere and are not compared.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from annotations.splits import PROTOCOLS, side_of
from dataset_card.version import Version
from pipeline import media
from pipeline.files import write_text
from pipeline.progress import bar

FILE = "leaks.json"
MOMENTS = (0.1, 0.5, 0.9)
"""Where in a clip frames are compared, as shares of its length."""
NEAR = 6
"""Bits of 64 in which two frames may differ and count as nearly the same."""
FLAT = 8.0
"""Standard deviation of grey, of 255, below which a frame is not compared."""
SIDES = ("train", "val", "test")
SHOWN = 20
"""Pairs that are listed; all are counted."""


def check(version: Version) -> dict[str, Any]:
    """What leaks, by protocol: sources on two sides, and with the pictures here, pairs of clips nearly the same."""
    keys = list(version.dataset.keys)
    prints = fingerprints(version) if "rgb" in version.dataset.modalities else None
    found: dict[str, Any] = {"clips": len(keys), "near": NEAR, "protocols": {}}
    if prints is not None:
        found["compared"] = len({int(row) for row, _ in prints})
    for protocol in PROTOCOLS:
        sides = [side_of(label["splits"][protocol]) for label in version.labels]
        entry: dict[str, Any] = {"sources": shared_sources(version.labels, sides)}
        if prints is not None:
            pairs = near_pairs(prints, sides)
            entry["pairs"] = len(pairs)
            entry["shown"] = [[keys[a], sides[a], keys[b], sides[b], bits] for a, b, bits in pairs[:SHOWN]]
        found["protocols"][protocol] = entry
    return found


def write(version: Version) -> dict[str, Any]:
    """Check the version and write leaks.json into its folder."""
    found = check(version)
    write_text(version.root / FILE, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return found


def read(version: Version) -> dict[str, Any] | None:
    """What an earlier check of the version found; None where there was none."""
    path = version.root / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def shared_sources(labels: Sequence[dict[str, Any]], sides: Sequence[str]) -> list[str]:
    """The sources with clips on more than one side."""
    held: defaultdict[str, set[str]] = defaultdict(set)
    for label, side in zip(labels, sides, strict=True):
        if side:
            held[label["source"]].add(side)
    return sorted(source for source, found in held.items() if len(found) > 1)


def fingerprints(version: Version) -> list[tuple[int, int]]:
    """(row, hash) of a few frames of every clip."""
    prints = []
    with bar("compare frames", len(version.dataset.keys), "clips") as progress:
        for row, count in enumerate(version.index["rgb_frames"]):
            frames = sorted({int(moment * (int(count) - 1)) for moment in MOMENTS})
            pictures = media.decode_video(version.dataset.read(row, "rgb"), frames)
            prints += [(row, code) for picture in pictures if (code := fingerprint(picture)) is not None]
            progress.advance()
    return prints


def fingerprint(picture: np.ndarray) -> int | None:
    """The perceptual hash of uint8 RGB [H, W, 3] as 64 bits; None for a picture with hardly any contrast."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if grey.std() < FLAT:
        return None
    return int.from_bytes(cv2.img_hash.pHash(grey).tobytes())


def near_pairs(prints: Sequence[tuple[int, int]], sides: Sequence[str]) -> list[tuple[int, int, int]]:
    """(row, row, bits) of the clips on different sides with frames at most NEAR bits apart, the nearest first."""
    nearest: dict[tuple[int, int], int] = {}
    on = {side: [(row, code) for row, code in prints if sides[row] == side] for side in SIDES}
    for one, other in itertools.combinations(SIDES, 2):
        codes = np.array([code for _, code in on[other]], np.uint64)
        for row, code in on[one]:
            bits = np.bitwise_count(codes ^ np.uint64(code))
            for place in np.flatnonzero(bits <= NEAR):
                pair = (row, on[other][place][0])
                nearest[pair] = min(nearest.get(pair, 64), int(bits[place]))
    return sorted(((a, b, bits) for (a, b), bits in nearest.items()), key=lambda found: (found[2], *found[:2]))
