"""The RGB difference of a clip: what changed since the frame before."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def rgb_difference(frames: np.ndarray) -> Iterator[np.ndarray]:
    """Yields |frame t − frame t−1| for each frame of uint8 [T, H, W, 3], in the same size and type.

    The first one is zero, so that there are as many as frames. The paper shows this modality ("RGB Diff",
    figure 1) without a formula; the absolute value keeps it in 8 bits.
    """
    for t in range(len(frames)):
        previous, frame = frames[max(t - 1, 0)], frames[t]
        yield np.maximum(previous, frame) - np.minimum(previous, frame)
