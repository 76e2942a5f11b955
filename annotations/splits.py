"""Which split a clip is in, from a hash: no random state, no list to keep, the same answer on every machine.

Both protocols divide known activities into train, val and test as section 3.3 of the paper does (7,069 /
1,599 / 1,594 clips) and new activities, which are never trained on, into val and test by half.

`paper` draws each clip by itself. Section 3.3 does not say whether clips of one source video may fall on both
sides; here they do. "Half of each activity's clips" holds in expectation.

`video-disjoint` (recommended) draws each source video, so that no source is on two of the sides train, val
and test, whichever of its clips are known or new. A known clip follows its source. A new clip follows its
source too when that is on val or test. On train it cannot be used, for the model has seen its person and
room: it is `unused`. Only where the source holds no known clip, so that nothing of it is trained on, is such
a new clip drawn to val or test instead of being lost. So no new clip is lost where a video shows one
activity, and about 69 % of them (train's share) where every video mixes several.

What moves when clips come or go: under `paper` nothing; under `video-disjoint` no known clip, and no clip
between train, val and test. One move remains: when a source that held new clips alone gains its first known
clip, and that is for training, its new clips become `unused`. The other way out, keeping every source with a
new clip off train, loses no clip, but takes most of the training set where videos mix exercises (with 5 clips
a video and the paper's 31 % of new clips, five sources in six), and moves known clips out of train when a new
clip is added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

PROTOCOLS = ("video-disjoint", "paper")
SPLITS = ("train", "known-val", "known-test", "new-val", "new-test")
UNUSED = "unused"
"""A clip that no split may hold: of a new activity, in a video that is trained on."""

KNOWN_CLIPS = {"train": 7069, "val": 1599, "test": 1594}
"""Section 3.3: clips of known activities on each side; only their proportions are used."""


def assign(protocol: str, seed: int, source: str, key: str, new: bool, source_has_known: bool) -> str:
    """The split of one clip: one of SPLITS, or UNUSED (only under video-disjoint).

    `new` says whether the clip's activity is one of the new ones; `source_has_known` whether any segment of
    the same source is of a known activity, in the tables rather than among the clips that came through (see
    `sources_with_known`). Raises ValueError for an unknown protocol.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}; there are {' and '.join(PROTOCOLS)}")
    unit = key if protocol == "paper" else source
    side = _side(_uniform(protocol, seed, "side", unit))
    if not new:
        return side if side == "train" else f"known-{side}"
    if protocol == "video-disjoint":
        if side != "train":
            return f"new-{side}"
        if source_has_known:
            return UNUSED
    return "new-val" if _uniform(protocol, seed, "half", unit) < 0.5 else "new-test"


def sources_with_known(clips: Iterable[tuple[str, bool]]) -> frozenset[str]:
    """The sources that hold a clip of a known activity, from (source, new) of every segment in the tables."""
    return frozenset(source for source, new in clips if not new)


def _side(draw: float) -> str:
    """Train, val or test for a number in [0, 1), in the paper's proportions."""
    total = sum(KNOWN_CLIPS.values())
    train = KNOWN_CLIPS["train"] / total
    if draw < train:
        return "train"
    return "val" if draw < train + KNOWN_CLIPS["val"] / total else "test"


def _uniform(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    name = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6]) / 2**48


def side_of(split: str) -> str:
    """train, val or test, of a split of either set; "" for a clip that no split holds."""
    return "" if split == UNUSED else split.rpartition("-")[2]
