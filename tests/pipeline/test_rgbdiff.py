"""The RGB difference against the plain formula in signed numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.rgbdiff import rgb_difference

CLIPS = arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.just(3)))


@given(CLIPS)
def test_is_the_absolute_difference_with_a_zero_first(frames: np.ndarray) -> None:
    result = np.stack(list(rgb_difference(frames)))
    assert result.dtype == np.uint8 and result.shape == frames.shape
    assert not result[0].any()
    assert (result[1:] == np.abs(np.diff(frames.astype(int), axis=0))).all()


def test_a_moved_square_shows_where_it_left_and_where_it_came() -> None:
    frames = np.full((2, 4, 8, 3), 100, np.uint8)
    frames[0, :, :4] = 250
    frames[1, :, 4:] = 250
    assert (np.stack(list(rgb_difference(frames)))[1] == 150).all()
