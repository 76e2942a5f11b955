"""A skeleton payload opens with plain numpy, gives back what went in, and refuses what is not one."""

from __future__ import annotations

import dataclasses
import hashlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.pose.codec import Skeleton, decode, encode

NUMBERS = st.floats(-1e4, 1e4, width=32)
DIGEST = "e93b905942a9f7112ed1956cd149a150ea4dbbac58e38fe4bba2adeb4a91870c"


@st.composite
def skeletons(draw: st.DrawFn) -> Skeleton:
    frames = draw(st.integers(0, 6))
    found = draw(arrays.arrays(np.bool_, frames))
    return Skeleton(
        joints=draw(arrays.arrays(np.float32, (frames, 17, 3), elements=NUMBERS)),
        boxes=draw(arrays.arrays(np.float32, (frames, 4), elements=NUMBERS)),
        found=found,
        interpolated=draw(arrays.arrays(np.bool_, frames)) & ~found,
        layout="coco-17",
        backend=draw(st.sampled_from(["movenet", "größer"])),
        weights=draw(st.text("0123456789abcdef", min_size=1, max_size=64)),
        people=draw(st.integers(0, 40)),
    )


def _kept(skeleton: Skeleton) -> dict:
    return {name: value for name, value in dataclasses.asdict(skeleton).items() if value is not None}


def example(frames: int = 3) -> Skeleton:
    return Skeleton(
        joints=np.arange(frames * 51, dtype=np.float32).reshape(frames, 17, 3),
        boxes=np.ones((frames, 4), np.float32),
        found=np.ones(frames, bool),
        interpolated=np.zeros(frames, bool),
        layout="coco-17",
        backend="movenet",
        weights="ab" * 32,
        people=1,
    )


@settings(max_examples=60)
@given(skeletons())
def test_numpy_reads_what_was_written(skeleton: Skeleton) -> None:
    with np.load(io.BytesIO(encode(skeleton)), allow_pickle=False) as file:
        for name, value in _kept(skeleton).items():
            np.testing.assert_array_equal(file[name], value)
        assert file["joints"].dtype == file["boxes"].dtype == np.float32


@settings(max_examples=60)
@given(skeletons())
def test_decode_gives_back_the_skeleton_and_the_same_bytes(skeleton: Skeleton) -> None:
    again = decode(encode(skeleton))
    for name, value in dataclasses.asdict(skeleton).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert type(again.people) is int and type(again.layout) is str
    assert encode(again) == encode(skeleton)


def test_bytes_do_not_depend_on_the_day() -> None:
    """The digest was taken once, from the file that these values gave, and must stay."""
    assert hashlib.sha256(encode(example())).hexdigest() == DIGEST


def test_decode_reads_a_file_that_numpy_compressed() -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **_kept(example()))
    np.testing.assert_array_equal(decode(buffer.getvalue()).joints, example().joints)


def test_other_people_are_kept_where_asked_for() -> None:
    others = np.ones((2, 3, 17, 3), np.float32)
    again = decode(encode(dataclasses.replace(example(), others=others))).others
    assert again is not None
    np.testing.assert_array_equal(again, others)


def _without(name: str) -> bytes:
    values = _kept(example())
    del values[name]
    buffer = io.BytesIO()
    np.savez(buffer, **values)
    return buffer.getvalue()


def _pickled() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{**_kept(example()), "layout": np.array([print], dtype=object)})
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"text", encode(example())[:200], encode(example())[:-30], _without("found"), _pickled()],
    ids=["empty", "text", "head", "cut", "member missing", "pickle inside"],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode(data)


@pytest.mark.parametrize(
    "change",
    [
        {"layout": "halpe-1"},
        {"joints": np.zeros((3, 16, 3), np.float32)},
        {"joints": np.zeros((3, 17, 3), np.float64)},
        {"boxes": np.zeros((2, 4), np.float32)},
        {"found": np.ones(3, np.int64)},
        {"interpolated": np.ones(3, bool)},
    ],
    ids=["layout", "joints", "type", "boxes", "found", "found and interpolated"],
)
def test_arrays_that_do_not_fit_are_refused(change: dict) -> None:
    with pytest.raises(ValueError):
        dataclasses.replace(example(), **change)
