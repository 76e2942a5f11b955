"""Which muscle groups a model says are active in a clip, and how they compare with the label: figure 5's marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

SURE = 0.5
"""A group is predicted from this probability on, where each group has a probability of its own (sigmoid)."""

SHARE = 0.5
"""Under a softmax, whose probabilities add up to one: from this share of the highest one on. A perfect model gives
each of k active groups 1 / k, and the number of them is not known beforehand."""


class Mark(StrEnum):
    HIT = "hit"
    MISSED = "missed"
    FALSE = "false"


@dataclass(frozen=True)
class Marked:
    """A group that is active, predicted, or both."""

    muscle: str
    probability: float
    mark: Mark


def predicted(probabilities: np.ndarray, head: str) -> np.ndarray:
    """Which of the groups are said to be active, [20] bool, from [20] probabilities of a softmax or sigmoid head."""
    return probabilities >= (SHARE * probabilities.max() if head == "softmax" else SURE)


def rule(head: str) -> str:
    """`predicted` in words."""
    return f"at least {SHARE:g} of the highest" if head == "softmax" else f"at least {SURE:g}"


def marks(probabilities: np.ndarray, truth: np.ndarray, head: str, muscles: Sequence[str]) -> list[Marked]:
    """The groups that are active or predicted, most probable first; [20] each, `muscles` are their names."""
    said, active = predicted(probabilities, head), truth.astype(bool)
    return [
        Marked(muscles[i], float(probabilities[i]), _mark(said[i], active[i]))
        for i in np.argsort(-probabilities, kind="stable")
        if said[i] or active[i]
    ]


def _mark(said: bool, active: bool) -> Mark:
    if said and active:
        return Mark.HIT
    return Mark.FALSE if said else Mark.MISSED
