"""Mean average precision over the muscle groups, and how far to trust it.

The printed definition (section 3.4: average precision where the label is 1) is 1 for every prediction. The
authors' released code computes the ordinary macro average, and so does this: the labels that no clip of the
split has are dropped, average precision is taken for each of the others, and the mean is the mAP. Average precision
is scikit-learn's number, computed here because a bootstrap needs it a million times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

REPLICATES = 1000
"""Bootstrap replicates behind an interval."""

BLOCK = 250
"""Replicates that are computed at once: as many as a core's cache holds."""
STRIDE = 24
"""Rows that `_accumulate` takes at a time: about the root of how many there are."""


def label_average_precision(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of each label, [L] in 0..1; NaN where no clip has the label.

    `truth` is [N, L] of zeros and ones, `scores` is [N, L]; only the order of a column's scores counts.
    """
    return np.array([_average_precision(*column) for column in zip(truth.T, scores.T, strict=True)])


def mean_average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    """The mean of `label_average_precision` over the labels that occur; NaN where none does."""
    return mean_over_labels(label_average_precision(truth, scores))


def mean_over_labels(values: np.ndarray) -> float:
    """The mean of average precisions without the NaN; NaN where nothing is left."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


@dataclass(frozen=True)
class Scored:
    """The predictions of one split: truth and scores [N, L], and the source video of each clip [N]."""

    truth: np.ndarray
    scores: np.ndarray
    sources: np.ndarray


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


def bootstrap(splits: Sequence[Scored], seed: int = 0, replicates: int = REPLICATES) -> np.ndarray:
    """The mAP of each of the `splits` in each replicate, [S, R], resampling source videos.

    Clips of one video resemble each other, so whole videos are drawn with replacement, the same draw for all
    the splits, and for all runs on the same clips. A replicate in which a split has no clip is NaN, and so are all
    of a split from fewer than two videos: no spread can be had from one.
    """
    videos, names = pd.factorize(np.concatenate([split.sources for split in splits]), sort=True)
    draws = _draws(len(names), seed, replicates)
    ends = np.cumsum([len(split.sources) for split in splits])
    return np.stack([_resampled(*part, draws) for part in zip(splits, np.split(videos, ends[:-1]), strict=True)])


def interval(replicates: np.ndarray, level: float = 0.95) -> Interval | None:
    """Percentile interval of replicates, without the NaN; None where nothing is left."""
    finite = replicates[np.isfinite(replicates)]
    if len(finite) == 0:
        return None
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def paired_p(one: np.ndarray, other: np.ndarray) -> float:
    """Two-sided bootstrap p of "no difference", from the replicates [R] of two runs on the same draws.

    Twice the share of replicates in which the difference has the rarer sign, ties counted for both, and the
    observed sample counted as one more (Davison and Hinkley 1997, section 4.2); NaN without a replicate.
    """
    difference = one - other
    difference = difference[np.isfinite(difference)]
    if len(difference) == 0:
        return float("nan")
    rarer = min((difference <= 0).sum(), (difference >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (len(difference) + 1)))


@dataclass(frozen=True)
class Bin:
    """Predictions of similar probability: how many, their mean, and the share of them that are true."""

    count: int
    probability: float
    share: float


def reliability(truth: np.ndarray, scores: np.ndarray, bins: int = 10) -> list[Bin]:
    """Each (clip, label) of [N, L] by its probability, in equally wide bins from 0 to 1; empty ones are left out."""
    place = np.minimum((scores.ravel() * bins).astype(int), bins - 1)
    found = [(truth.ravel()[place == i], scores.ravel()[place == i]) for i in range(bins)]
    return [Bin(len(hits), float(p.mean()), float(hits.mean())) for hits, p in found if len(hits)]


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: mean distance of probability and share over all predictions (Naeini et al. 2015)."""
    distances = [abs(b.probability - b.share) for b in bins]
    return float(np.average(distances, weights=[b.count for b in bins]))


def _average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    """Of one label: the sum over distinct thresholds of (recall step) x (precision); NaN without a positive."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(truth[order], dtype=float)[ends]
    return float(np.diff(hits, prepend=0) @ (hits / (ends + 1)) / hits[-1]) if truth.any() else float("nan")


@lru_cache(maxsize=4)
def _draws(videos: int, seed: int, replicates: int) -> list[np.ndarray]:
    """How often each video is drawn in each replicate, [V, R], in blocks of replicates."""
    draws = np.random.default_rng(seed).multinomial(videos, np.full(videos, 1 / videos), replicates)
    return [np.ascontiguousarray(draws[i : i + BLOCK].T, float) for i in range(0, replicates, BLOCK)]


def _resampled(split: Scored, videos: np.ndarray, draws: Sequence[np.ndarray]) -> np.ndarray:
    """mAP of each replicate, [R]; `draws` as from `_draws`, `videos` [N] is which each clip is of."""
    count, replicates = len(draws[0]), sum(block.shape[1] for block in draws)
    values = np.full((split.truth.shape[1], replicates), np.nan)
    if len(np.unique(videos)) > 1:
        for label in np.flatnonzero(split.truth.any(axis=0)):
            steps = _steps(split.truth[:, label] > 0, split.scores[:, label], videos, count)
            values[label] = np.concatenate([_weighted_average_precision(*steps, block) for block in draws])
    occurs = np.isfinite(values)
    total = np.where(occurs, values, 0).sum(axis=0)
    return np.divide(total, occurs.sum(axis=0), out=np.full(replicates, np.nan), where=occurs.any(axis=0))


def _steps(truth: np.ndarray, scores: np.ndarray, videos: np.ndarray, count: int) -> tuple[csr_matrix, csr_matrix]:
    """By threshold and video, [P, V]: clips, and positives of them, that a threshold lets in after the one above it.

    The thresholds are the distinct scores of positives, from high to low; at others the recall stands still.
    """
    order = np.argsort(-scores, kind="stable")
    rank = np.cumsum(np.diff(scores[order], prepend=scores[order[0]]) != 0)
    positive = truth[order]
    thresholds = np.unique(rank[positive])
    step = np.searchsorted(thresholds, rank)
    rows = -(-len(thresholds) // STRIDE) * STRIDE

    def counted(clips: np.ndarray) -> csr_matrix:
        starts = np.searchsorted(step[clips], np.arange(rows + 1))
        return csr_matrix((np.ones(len(clips)), videos[order[clips]], starts), shape=(rows, count))

    return counted(np.flatnonzero(step < len(thresholds))), counted(np.flatnonzero(positive))


def _weighted_average_precision(clips: csr_matrix, positives: csr_matrix, draws: np.ndarray) -> np.ndarray:
    """`_average_precision` of one label in each replicate, [R], from its `_steps`: that of the repeated rows.

    Each clip counts as often as its video, `draws` [V, R].
    """
    drawn, hits = clips @ draws, positives @ draws
    drawn[0] += np.finfo(float).tiny  # no counts are changed by it, and before the first there is no 0 / 0
    precision = _accumulate(hits.copy())
    total = precision[-1].copy()
    precision /= _accumulate(drawn)
    area = np.einsum("pr,pr->r", hits, precision)
    return np.divide(area, total, out=np.full(len(area), np.nan), where=total > 0)


def _accumulate(steps: np.ndarray) -> np.ndarray:
    """Sums down the rows [P, R], P a multiple of STRIDE, in place: np.cumsum would go down one column at a time."""
    groups = steps.reshape(-1, STRIDE, steps.shape[1])
    for i in range(1, STRIDE):
        groups[:, i] += groups[:, i - 1]
    for above, group in pairwise(groups):
        group += above[-1]
    return steps
