import numpy as np
import pytest

from bitlight import RidgeHead
from bitlight_lab.papers.intervals import (
    bootstrap,
    class_scores,
    over_seeds,
    right,
    score_top,
)


def test_top_1_and_top_5():
    scores = np.tile(np.arange(7, 0, -1), (7, 1))
    found = score_top(scores, np.arange(7))
    assert found["top1"] == pytest.approx(1 / 7)
    assert found["top5"] == pytest.approx(5 / 7)
    assert right(found["right"], 7).tolist() == [True] + 6 * [False]


def test_of_equal_scores_the_first_class_has_it():
    """As argmax has it, which predictions and the hardware's scores follow."""
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 3, (500, 6)), rng.integers(0, 6, 500)
    found = score_top(scores, labels)
    assert np.array_equal(right(found["right"], 500), scores.argmax(axis=1) == labels)


def test_classes_that_were_not_there_come_last():
    features = np.array([[-3.0], [-1.0], [1.0], [3.0]])
    head = RidgeHead().fit(features, [1, 1, 3, 3])
    scores = class_scores(head, features, 5)
    assert scores.argmax(axis=1).tolist() == [1, 1, 3, 3]
    assert np.isneginf(scores[:, [0, 2, 4]]).all()


def test_the_interval_covers_what_was_drawn():
    """Of 200 test sets about 190 should have the true accuracy within the interval."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        _, lower, upper = bootstrap(rng.random((1, 300)) < 0.8)
        inside += lower <= 0.8 <= upper
    assert 180 <= inside <= 199


def test_pairs_tell_more_than_two_intervals():
    rng = np.random.default_rng(0)
    theirs = rng.random((1, 500)) < 0.7
    ours = theirs | (rng.random((1, 500)) < 0.05)
    value, lower, upper = bootstrap(ours, theirs)
    assert 0 < lower < value < upper
    assert bootstrap(theirs)[2] > bootstrap(ours)[1]


def test_seeds_that_differ_widen_the_interval():
    rng = np.random.default_rng(0)
    same = np.repeat(rng.random((1, 400)) < 0.7, 3, axis=0)
    apart = np.stack([rng.random(400) < share for share in (0.5, 0.7, 0.9)])
    width = [bootstrap(each)[2] - bootstrap(each)[1] for each in (same, apart)]
    assert width[1] > 2 * width[0]


def test_student_over_seeds():
    mean, lower, upper = over_seeds(np.array([0.6, 0.7, 0.8]))
    assert (mean, upper - mean) == pytest.approx((0.7, 4.3027 * 0.1 / np.sqrt(3)), rel=1e-4)
    assert mean - lower == pytest.approx(upper - mean)
    assert over_seeds(np.array([0.5])) == (0.5, 0.5, 0.5)
