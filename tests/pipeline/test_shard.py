from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotations.tables import Segment
from pipeline.errors import Reason, UserError
from pipeline.records import Payload
from pipeline.shard import Sample, assign, check_modalities, misaligned


def payload(modality: str, frames: int = 30, size: int = 100) -> Payload:
    return Payload("k", modality, "p", "0" * 64, size, frames, 340, 256, 25.0)


def sample(number: int, size: int) -> Sample:
    segment = Segment("s", number, number + 1, "squat")
    return Sample(f"s-{number:07d}", segment, {}, {"rgb": payload("rgb", size=size)})


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
def test_shards_hold_every_sample_once_in_order_and_are_bounded(sizes: list[int], target: int) -> None:
    found = [sample(i, size) for i, size in enumerate(sizes)]
    shards = assign(found, ["rgb"], target)
    assert [s for shard in shards for s in shard] == found
    for shard in shards:
        held = [s.bytes("rgb") for s in shard]
        assert sum(held[:-1]) < target
    for shard in shards[:-1]:
        assert sum(s.bytes("rgb") for s in shard) >= target


def test_columns_are_in_one_order_and_label_is_always_there() -> None:
    assert check_modalities(["skeleton", "rgb"]) == ("rgb", "skeleton", "label")
    with pytest.raises(UserError, match="unknown modality 'depth'"):
        check_modalities(["depth"])
