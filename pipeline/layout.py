"""Which clip lies in which shard: what the parent version holds stays where it is, the rest goes by a hash.

Without a parent, clips are divided by the bits of a hash of their source (then of their key) until each part fits:
a source that comes or goes changes its own shard alone. With a parent, new clips get shards of their own, so that an
update rewrites about as many bytes as it adds, however the new sources hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

REFILL = 0.25
"""A parent's smallest shard takes in new clips if it is under this share of the target."""
LARGEST = 2.0
"""A parent's shard that has outgrown the target this many times is divided anew."""


class Keyed(Protocol):
    """What is laid out: a clip's key, and the source that it is from."""

    @property
    def key(self) -> str: ...
    @property
    def source(self) -> str: ...


T = TypeVar("T", bound=Keyed)
Size = Callable[[Sequence[T]], int]
"""Bytes that clips take in one shard, in its largest column."""


def assign(found: Sequence[T], size: Size[T], target_bytes: int, held: Mapping[str, int]) -> list[list[T]]:
    """The clips of each shard, sorted by key; `held` is the number of the parent's shard by key.

    Numbers have no gap: a shard whose clips are all gone gives its number to a new one, or to the last one.
    """
    kept: dict[int, list[T]] = {}
    new: list[T] = []
    for sample in found:
        (kept.setdefault(held[sample.key], []) if sample.key in held else new).append(sample)
    for number in _divided_anew(kept, size, target_bytes, bool(new)):
        new += kept.pop(number)
    fresh = divide(new, size, target_bytes)
    total = len(kept) + len(fresh)
    moving = fresh + [kept.pop(number) for number in sorted(kept) if number >= total]
    free = (number for number in range(total) if number not in kept)
    kept |= dict(zip(free, moving, strict=True))
    return [sorted(kept[number], key=lambda sample: sample.key) for number in range(total)]


def divide(samples: Sequence[T], size: Size[T], target_bytes: int) -> list[list[T]]:
    """Parts of at most the target size (or of one clip) by the leading bits of the clips' places, in their order."""
    return _halves(sorted(samples, key=_place), size, target_bytes) if samples else []


def _halves(samples: list[T], size: Size[T], target_bytes: int) -> list[list[T]]:
    if len(samples) == 1 or size(samples) <= target_bytes:
        return [samples]
    bit = (_place(samples[0]) ^ _place(samples[-1])).bit_length() - 1
    ones = [sample for sample in samples if _place(sample) >> bit & 1]
    return [*_halves(samples[: -len(ones)], size, target_bytes), *_halves(ones, size, target_bytes)]


def _divided_anew(kept: Mapping[int, Sequence[T]], size: Size[T], target_bytes: int, growing: bool) -> list[int]:
    sizes = {number: size(samples) for number, samples in kept.items()}
    chosen = [number for number, taken in sizes.items() if taken > LARGEST * target_bytes and len(kept[number]) > 1]
    smallest = min(sizes, key=lambda number: (sizes[number], number), default=None)
    if growing and smallest is not None and sizes[smallest] < REFILL * target_bytes:
        chosen.append(smallest)
    return sorted(chosen)


def _place(sample: Keyed) -> int:
    """512 bits: the hash of the source, then that of the key, so that only an oversized source is divided."""
    digests = (hashlib.sha256(text.encode()).digest() for text in (sample.source, sample.key))
    return int.from_bytes(b"".join(digests))
