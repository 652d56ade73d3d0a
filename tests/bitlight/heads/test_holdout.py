import numpy as np
import pytest

from bitlight.heads.holdout import SplitMoments, hold_out, split_kernel


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(0, 4, 203)


def test_a_fifth_of_every_class(labels):
    held = hold_out(labels, np.zeros(4, int))
    for label in range(4):
        members = held[labels == label]
        assert members.sum() == -(-(len(members) - 1) // 5)
        assert members[1]


@pytest.mark.parametrize("cuts", [[100], [1, 2, 3], [50, 150, 200]])
def test_batches_hold_out_the_same_samples(labels, cuts):
    seen = np.zeros(4, int)
    parts = []
    for part in np.split(labels, cuts):
        parts.append(hold_out(part, seen))
        seen += np.bincount(part, minlength=4)
    assert np.array_equal(np.concatenate(parts), hold_out(labels, np.zeros(4, int)))


def test_both_forms_hold_out_the_same_samples(labels):
    X = np.random.default_rng(1).integers(0, 2, (len(labels), 8), dtype=np.uint8)
    moments = SplitMoments(X, np.ones(4), holding=True)
    moments.add(X, labels)
    _, kept, held = split_kernel(X, labels, np.ones(4), holding=True)
    assert (moments.kept.samples, moments.held.samples) == (kept.samples, held.samples)
    bits = held.X.astype(np.int64)
    gram = moments.held.gram @ np.eye(8)
    assert np.array_equal(gram, bits.T @ bits)


def test_nothing_is_held_out_where_there_is_no_choice(labels):
    X = np.zeros((len(labels), 3), np.uint8)
    everything, kept, held = split_kernel(X, labels, np.ones(4), holding=False)
    assert (everything.samples, kept.samples, held.samples) == (203, 203, 0)


def test_bits_that_turn_out_to_be_counts_are_counted_anew(labels):
    counts = np.random.default_rng(1).integers(0, 256, (len(labels), 8), dtype=np.uint8)
    counts[:50] %= 2
    whole, parts = (SplitMoments(counts[:n], np.ones(4), holding=True) for n in (203, 50))
    whole.add(counts, labels)
    parts.add(counts[:50], labels[:50])
    parts.add(counts[50:], labels[50:])
    for one, other in ((whole.kept, parts.kept), (whole.held, parts.held)):
        unit = np.eye(8)
        assert np.array_equal(one.offset, other.offset)
        assert np.array_equal(one.gram @ unit, other.gram @ unit)
        assert np.array_equal(one.sums, other.sums)
