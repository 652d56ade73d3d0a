"""What `bitlight bench heads` measures, at small sizes; the proofs at full size are slow."""

import numpy as np
import pytest

from bitlight_lab.benchmarks import heads as speed


def test_comparison_is_on_the_same_terms():
    said = []
    found = speed.compare(400, 60, threads=1, rounds=2, say=said.append)
    assert len(said) == 4
    ours, theirs = found["engines"]["RidgeHead"], found["engines"]["RidgeClassifierCV"]
    assert len(ours["seconds"]) == len(theirs["seconds"]) == 2
    assert abs(ours["accuracy"] - theirs["accuracy"]) < 0.05
    assert found["ratio"] > 0


def test_the_bound_finds_a_wrong_coefficient():
    head, _ = speed._streamed(2000, 50, 1)
    right = speed._bound(2000, 50, 1, head)["error_bound"]
    head._readout.weight[0, 0] *= 1.01
    assert speed._bound(2000, 50, 1, head)["error_bound"] > max(1e-4, 100 * right)


def test_streams_are_drawn_alike():
    one, other = (list(speed.draw_counts(5000, 30)) for _ in range(2))
    assert [len(X) for X, _ in one] == [speed.BATCH, 5000 - speed.BATCH]
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
def test_faster_than_scikit_learn():
    found = speed.compare(10_000, 4096, threads=2, rounds=1)
    ours, theirs = found["engines"]["RidgeHead"], found["engines"]["RidgeClassifierCV"]
    assert found["ratio"] >= 8
    assert ours["alpha"] == theirs["alpha"] or abs(ours["accuracy"] - theirs["accuracy"]) <= 0.003


@pytest.mark.slow
def test_a_stream_of_200_000_samples_in_little_memory():
    found = speed.stream(200_000, 8192, threads=2, in_memory=True)
    assert found["peak_bytes"] <= 1.5e9
    assert found["in_memory"]["error_bound"] <= 1e-3
