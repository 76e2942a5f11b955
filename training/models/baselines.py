"""The two predictors that learn nothing (section 5.2, first rows of Table 2)."""

from __future__ import annotations

import numpy as np


def random_probabilities(clips: int, classes: int = 20, seed: int = 0) -> np.ndarray:
    """Random: independent uniform activations [clips, classes], float32, equal for equal seeds."""
    return np.random.default_rng(seed).random((clips, classes), dtype=np.float32)


def all_ones_probabilities(clips: int, classes: int = 20) -> np.ndarray:
    """All Ones: every muscle group active in every clip, [clips, classes] float32."""
    return np.ones((clips, classes), dtype=np.float32)
