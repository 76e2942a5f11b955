from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Reason, UserError
from pipeline.layout import assign
from pipeline.records import Payload
from pipeline.shard import check_modalities, misaligned


def payload(modality: str, frames: int = 30, size: int = 100) -> Payload:
    return Payload("k", modality, "p", "0" * 64, size, frames, 340, 256, 25.0)


@dataclass(frozen=True)
class Thing:
    """What is laid out, with its size."""

    key: str
    source: str
    size: int


def taken(things: Sequence[Thing]) -> int:
    return sum(thing.size for thing in things)


def test_flow_with_one_field_less_agrees() -> None:
    assert misaligned({"rgb": payload("rgb"), "flow": payload("flow", 29), "skeleton": payload("skeleton")}) is None


@pytest.mark.parametrize(
    "wrong",
    [payload("flow", 30), replace(payload("flow", 29), width=342), replace(payload("flow", 29), fps=30.0)],
)
def test_modalities_that_disagree_are_misaligned(wrong: Payload) -> None:
    failure = misaligned({"rgb": payload("rgb"), "flow": wrong})
    assert failure is not None and failure.reason == Reason.MISALIGNED
    assert "rgb 30 frames" in failure.detail and "flow" in failure.detail


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 120))
def test_shards_hold_every_sample_once_and_are_bounded(sizes: list[int], target: int) -> None:
    found = [Thing(f"s{i % 7}-{i:03d}", f"s{i % 7}", size) for i, size in enumerate(sizes)]
    shards = assign(found, taken, target, {})
    assert sorted(s.key for shard in shards for s in shard) == sorted(s.key for s in found)
    for shard in shards:
        assert taken(shard) <= target or len(shard) == 1
        assert [s.key for s in shard] == sorted(s.key for s in shard)


def library(clips: int, of: str = "source") -> list[Thing]:
    rng = np.random.default_rng(0)
    return [Thing(f"{of}{i // 5}-{i:05d}", f"{of}{i // 5}", int(rng.integers(50, 150))) for i in range(clips)]


def rewritten(before: list[list[Thing]], after: list[list[Thing]]) -> float:
    """Share of bytes in shards that were not there before with the same clips under the same number."""
    fresh = sum(taken(shard) for i, shard in enumerate(after) if i >= len(before) or shard != before[i])
    return fresh / sum(map(taken, after))


TARGET = 50_000


@pytest.mark.parametrize("new_sources", [True, False])
def test_one_percent_more_clips_rewrite_at_most_five_percent(new_sources: bool) -> None:
    found = library(15_000)
    before = assign(found, taken, TARGET, {})
    assert all(taken(shard) <= TARGET for shard in before)
    more = library(150, "later") if new_sources else [replace(s, key=s.key + "x") for s in found[::100]]
    after = assign(found + more, taken, TARGET, numbers(before))
    assert rewritten(before, after) <= 0.05
    assert {s.key for shard in after for s in shard} == {s.key for s in found + more}


def test_a_source_that_goes_changes_its_shard_alone_even_without_a_parent() -> None:
    found = library(15_000)
    before = assign(found, taken, TARGET, {})
    gone = [s for s in found if s.source != "source7"]
    assert sum(shard not in before for shard in assign(gone, taken, TARGET, {})) == 1
    assert sum(shard not in before for shard in assign(gone, taken, TARGET, numbers(before))) == 1


def test_an_empty_shard_leaves_no_gap() -> None:
    before = assign(library(3000), taken, TARGET, {})
    left = [s for i, shard in enumerate(before) if i != 1 for s in shard]
    after = assign(left, taken, TARGET, numbers(before))
    assert after == [before[0], before[-1], *before[2:-1]]


def numbers(shards: list[list[Thing]]) -> dict[str, int]:
    return {s.key: i for i, shard in enumerate(shards) for s in shard}


def test_columns_are_in_one_order_and_label_is_always_there() -> None:
    assert check_modalities(["skeleton", "rgb"]) == ("rgb", "skeleton", "label")
    with pytest.raises(UserError, match="unknown modality 'depth'"):
        check_modalities(["depth"])
