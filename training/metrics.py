"""Mean average precision over the muscle groups, and how far to trust it.

The printed definition (section 3.4: average precision where the label is 1) is 1 for every prediction. The
authors' released code computes the ordinary macro average, and so does this: the labels that no clip of the
split has are dropped, scikit-learn's average precision is taken for each of the others, and the mean is the
mAP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score

REPLICATES = 1000
"""Bootstrap replicates behind an interval."""


def label_average_precision(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of each label, [L] in 0..1; NaN where no clip has the label.

    `truth` is [N, L] of zeros and ones, `scores` is [N, L]; only the order of a column's scores counts.
    """
    present = truth.any(axis=0)
    result = np.full(truth.shape[1], np.nan)
    if present.any():
        result[present] = average_precision_score(truth[:, present], scores[:, present], average=None)
    return result


def mean_average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    """The mean of `label_average_precision` over the labels that occur; NaN where none does."""
    values = label_average_precision(truth, scores)
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


def bootstrap(splits: Sequence[Scored], seed: int = 0, replicates: int = REPLICATES) -> np.ndarray | None:
    """The mean over `splits` of their mAP in each replicate, [R], resampling source videos.

    Clips of one video resemble each other, so whole videos are drawn with replacement, the same draw for all
    the splits, and for all runs on the same clips. A replicate in which a split has no clip is NaN. None where a
    split comes from fewer than two videos: no spread can be had from one.
    """
    if any(len(np.unique(split.sources)) < 2 for split in splits):
        return None
    names = np.unique(np.concatenate([split.sources for split in splits]))
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), replicates)
    columns = [_resampled(split, draws[:, np.searchsorted(names, split.sources)]) for split in splits]
    return np.asarray(np.mean(columns, axis=0))


def interval(replicates: np.ndarray | None, level: float = 0.95) -> Interval | None:
    """Percentile interval of replicates, without the NaN; None where nothing is left."""
    finite = np.array([]) if replicates is None else replicates[np.isfinite(replicates)]
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


def _resampled(split: Scored, counts: np.ndarray) -> np.ndarray:
    """mAP of each replicate, [R]; `counts` [R, N] says how often each clip was drawn."""
    values = np.stack(
        [_weighted_average_precision(*column, counts) for column in zip(split.truth.T, split.scores.T, strict=True)]
    )
    occurs = np.isfinite(values)
    total = np.where(occurs, values, 0).sum(axis=0)
    return np.divide(total, occurs.sum(axis=0), out=np.full(len(counts), np.nan), where=occurs.any(axis=0))


def _weighted_average_precision(truth: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average precision of one label in each replicate, [R], sorting once for all; NaN without a positive.

    The sum over distinct thresholds of (recall step) x (precision), as scikit-learn's, each clip counted
    `counts` times: average_precision_score on the repeated rows gives the same.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    drawn = np.cumsum(counts[:, order], axis=1)[:, ends].astype(float)
    hits = np.cumsum(counts[:, order] * truth[order], axis=1)[:, ends].astype(float)
    precision = np.divide(hits, drawn, out=np.zeros_like(hits), where=drawn > 0)
    steps = np.diff(hits, axis=1, prepend=0)
    positives = hits[:, -1]
    area = (steps * precision).sum(axis=1)
    return np.divide(area, positives, out=np.full(len(counts), np.nan), where=positives > 0)
