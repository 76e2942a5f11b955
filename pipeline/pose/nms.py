"""Parametric pose NMS: one skeleton a person where several boxes found the same (Fang et al., RMPE, ICCV 2017).

Constants are those of the released code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.pose.people import Person

SCORE_SCALE = 1.0
"""σ1 of the soft matching of scores."""
DISTANCE_SCALE = 2.65
"""σ2 of the spatial similarity, in tenths of the box."""
WEIGHT = 1.7
"""λ between the two similarities."""
SIMILAR = 22.48
"""η: more similar poses are one person."""
MATCHING = 5
"""As are poses with so many joints less than a tenth of the box apart."""


def suppress(people: Sequence[Person]) -> list[Person]:
    """The surest pose of each person, its joints averaged by score with those of the poses that it stands for."""
    left, kept = list(people), []
    while left:
        best = max(left, key=lambda person: person.score)
        same = [person for person in left if person is best or is_same(best, person)]
        left = [person for person in left if not any(person is one for one in same)]
        kept.append(_merged(best, same))
    return kept


def is_same(best: Person, other: Person) -> bool:
    """Whether two detections in one frame show one person."""
    distance = _tenths(best, other)
    near = distance <= 1
    scores = np.tanh(best.joints[:, 2] / SCORE_SCALE) * np.tanh(other.joints[:, 2] / SCORE_SCALE)
    similarity = scores[near].sum() + WEIGHT * np.exp(-distance / DISTANCE_SCALE).sum()
    return bool(similarity > SIMILAR or near.sum() >= MATCHING)


def _tenths(best: Person, other: Person) -> np.ndarray:
    """Distance of equal joints [V] in tenths of the longer side of the box."""
    side = max(float(np.max(best.box[2:] - best.box[:2])), 1e-6)
    return np.hypot(*(best.joints - other.joints)[:, :2].T) / (0.1 * side)


def _merged(best: Person, same: Sequence[Person]) -> Person:
    if len(same) == 1:
        return best
    joints = np.stack([person.joints for person in same])
    near = np.stack([_tenths(best, person) for person in same]) <= 1
    weights = near * np.maximum(joints[..., 2], 1e-6)
    weights = (weights / weights.sum(0))[..., None]
    return Person((weights * joints).sum(0).astype(best.joints.dtype), best.box)
