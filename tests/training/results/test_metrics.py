from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score

from training.results import metrics


def bootstrap_interval(splits: list[metrics.Scored], **how: int) -> metrics.Interval | None:
    return metrics.interval(metrics.bootstrap(splits, **how).mean(axis=0))


def test_worked_by_hand() -> None:
    # Label 0, by falling score: hit, miss, hit. Precision at the hits 1/1 and 2/3, mean 5/6.
    # Label 1: miss, hit, miss: 1/2. Label 2 occurs nowhere and is dropped.
    truth = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    scores = np.array([[0.9, 0.8, 0.1], [0.5, 0.7, 0.2], [0.3, 0.1, 0.3]])
    values = metrics.label_average_precision(truth, scores)
    assert values[:2] == pytest.approx([5 / 6, 1 / 2])
    assert math.isnan(values[2])
    assert metrics.mean_average_precision(truth, scores) == pytest.approx((5 / 6 + 1 / 2) / 2)


def test_equal_scores_give_the_prevalence() -> None:
    truth = np.array([[1, 1], [0, 1], [0, 0], [0, 1]])
    assert metrics.mean_average_precision(truth, np.ones((4, 2))) == pytest.approx((1 / 4 + 3 / 4) / 2)


def test_no_positive_at_all_is_no_number() -> None:
    assert math.isnan(metrics.mean_average_precision(np.zeros((3, 2)), np.ones((3, 2))))


def test_bootstrap_replicates_equal_scikit_learn_on_the_repeated_rows() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, (30, 4))
    scores = rng.integers(0, 8, (30, 4)) / 8  # many ties
    counts = rng.multinomial(30, np.full(30, 1 / 30), 20)
    ours = metrics._resampled(metrics.Scored(truth, scores, np.arange(30)), np.arange(30), [counts.T.astype(float)])
    for value, count in zip(ours, counts, strict=True):
        rows = np.repeat(np.arange(30), count)
        occurs = truth[rows].any(axis=0)
        expected = average_precision_score(truth[rows][:, occurs], scores[rows][:, occurs], average="macro")
        assert value == pytest.approx(expected, abs=1e-12)


def test_bootstrap_draws_whole_videos_alike_in_all_splits_and_runs() -> None:
    """Each replicate of two splits is scikit-learn's number on the clips of the videos that numpy draws."""
    rng = np.random.default_rng(7)
    names = np.array([f"v{i}" for i in range(9)])
    splits = [
        metrics.Scored(rng.integers(0, 2, (50, 3)), rng.random((50, 3)), rng.choice(part, 50))
        for part in (names[:6], names[3:])
    ]
    draws = np.random.default_rng(0).multinomial(9, np.full(9, 1 / 9), 10)
    for split, found in zip(splits, metrics.bootstrap(splits, replicates=10), strict=True):
        for value, draw in zip(found, draws, strict=True):
            rows = np.repeat(np.arange(50), [draw[list(names).index(source)] for source in split.sources])
            assert value == pytest.approx(metrics.mean_average_precision(split.truth[rows], split.scores[rows]))


def test_more_thresholds_than_are_summed_at_a_time_equal_scikit_learn() -> None:
    """Lengths about the multiples of the stride, few and many positives, and clips that are never drawn."""
    rng = np.random.default_rng(8)
    for clips in (2, 23, 24, 25, 49, 200):
        truth = np.column_stack([np.arange(clips) == 1, np.arange(clips) < clips - 1]).astype(int)
        scores = rng.random((clips, 2))
        counts = np.concatenate([rng.multinomial(clips, np.full(clips, 1 / clips), 3), np.eye(clips, dtype=int)[:2]])
        ours = metrics._resampled(
            metrics.Scored(truth, scores, np.arange(clips)), np.arange(clips), [counts.T.astype(float)]
        )
        for value, count in zip(ours, counts, strict=True):
            rows = np.repeat(np.arange(clips), count)
            assert value == pytest.approx(metrics.mean_average_precision(truth[rows], scores[rows]), abs=1e-12)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    # One label with normal scores, 1 apart: a large sample gives the true value. Each video holds one clip.
    rng = np.random.default_rng(2)

    def draw(clips: int) -> metrics.Scored:
        truth = rng.integers(0, 2, (clips, 1))
        return metrics.Scored(truth, truth + rng.normal(size=(clips, 1)), np.arange(clips))

    large = draw(200_000)
    true = metrics.mean_average_precision(large.truth, large.scores)
    intervals = [bootstrap_interval([draw(80)], seed=i, replicates=200) for i in range(200)]
    covered = np.mean([i is not None and i.low <= true <= i.high for i in intervals])
    assert 0.87 <= covered <= 0.99


def test_interval_is_wider_when_clips_of_a_video_agree() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, (12, 3))
    scores = truth + rng.normal(size=(12, 3))
    many = [np.repeat(array, 10, axis=0) for array in (truth, scores)]
    by_video = bootstrap_interval([metrics.Scored(many[0], many[1], np.repeat(np.arange(12), 10))])
    by_clip = bootstrap_interval([metrics.Scored(many[0], many[1], np.arange(120))])
    assert by_video is not None and by_clip is not None
    assert by_video.high - by_video.low > 1.5 * (by_clip.high - by_clip.low)


def test_one_video_has_no_interval() -> None:
    scored = metrics.Scored(np.eye(3), np.eye(3), np.array(["a", "a", "a"]))
    assert bootstrap_interval([scored]) is None


def test_mean_of_two_splits_uses_one_draw_for_both() -> None:
    # The same clips as both splits: the mean's interval must be that of one split alone, not a narrower one.
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, (40, 3))
    scored = metrics.Scored(truth, truth + rng.normal(size=(40, 3)), np.arange(40))
    assert bootstrap_interval([scored, scored]) == bootstrap_interval([scored])


def test_reliability_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    scores = rng.random((50, 4))
    truth = (rng.random((50, 4)) < scores**2).astype(int)
    bins = metrics.reliability(truth, scores)
    share, probability = calibration_curve(truth.ravel(), scores.ravel(), n_bins=10)
    assert [b.share for b in bins] == pytest.approx(share)
    assert [b.probability for b in bins] == pytest.approx(probability)
    assert sum(b.count for b in bins) == 200


def test_calibration_error_by_hand() -> None:
    # 0.1 and 0.3 are true once in two: bins of one, 0.9 off and 0.3 off; 1.0 twice, true once: 0.5 off.
    truth, scores = np.array([[1, 0], [1, 0]]), np.array([[0.1, 0.3], [1.0, 1.0]])
    assert metrics.calibration_error(metrics.reliability(truth, scores)) == pytest.approx((0.9 + 0.3 + 2 * 0.5) / 4)


def test_paired_p_by_hand() -> None:
    base = np.zeros(99)
    assert metrics.paired_p(base + 1, base) == pytest.approx(2 / 100)
    assert metrics.paired_p(base, base) == 1
    assert metrics.paired_p(np.where(np.arange(99) < 9, -1.0, 1.0), base) == pytest.approx(2 * 10 / 100)


def test_runs_that_do_not_differ_seldom_seem_to() -> None:
    """At 5 % about one in twenty pairs of equally good runs; and pairing finds what the intervals hide."""
    rng = np.random.default_rng(6)
    found = []
    for _ in range(200):
        truth = rng.integers(0, 2, (60, 1))
        pair = [metrics.Scored(truth, truth + rng.normal(size=(60, 1)), np.arange(60)) for _ in range(2)]
        one, other = (metrics.bootstrap([scored], replicates=200)[0] for scored in pair)
        found.append(metrics.paired_p(one, other))
    assert 0.01 <= np.mean(np.array(found) < 0.05) <= 0.12
