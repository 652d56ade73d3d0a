"""A split is a partition, class by class, and follows from seed and names alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitlight import DataError
from bitlight.data import Split

COUNTS = st.lists(st.integers(5, 30), min_size=1, max_size=5)


def labelled(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    return [f"class{label}/{n:04}.png" for n, label in enumerate(labels)], labels


@given(COUNTS, st.integers(1, 99), st.integers(1, 99), st.integers(0, 5))
def test_shares_divide_every_class(counts, train, test, seed):
    ids, labels = labelled(counts)
    sides = [Split(f"{train}:{test}", side, seed).rows(ids, labels) for side in ("train", "test")]
    assert sorted(np.concatenate(sides)) == list(range(len(ids)))
    for label, count in enumerate(counts):
        found = int((labels[sides[1]] == label).sum())
        wanted = count * test / (train + test)
        assert 1 <= found <= count - 1
        assert abs(found - wanted) <= 0.5 or found in (1, count - 1)


@given(COUNTS, st.integers(2, 5), st.integers(0, 5))
def test_folds_divide_every_class(counts, folds, seed):
    ids, labels = labelled(counts)
    tested = [
        Split(f"{fold}/{folds}", "test", seed).rows(ids, labels) for fold in range(1, folds + 1)
    ]
    assert sorted(np.concatenate(tested)) == list(range(len(ids)))
    for rows in tested:
        per_class = np.bincount(labels[rows], minlength=len(counts))
        assert all(abs(n - count / folds) < 1 for n, count in zip(per_class, counts, strict=True))


@given(COUNTS, st.randoms(use_true_random=False))
def test_the_order_of_a_folder_is_no_matter(counts, random):
    ids, labels = labelled(counts)
    order = list(range(len(ids)))
    random.shuffle(order)
    split = Split("70:30", "test", 3)
    mixed = split.rows([ids[n] for n in order], labels[order])
    assert {ids[order[n]] for n in mixed} == {ids[n] for n in split.rows(ids, labels)}


def test_a_split_is_the_same_for_ever():
    # Whoever divided images with one version must find the same sides with the next.
    ids, labels = labelled([6, 6])
    assert Split("50:50", "test", 1).rows(ids, labels).tolist() == [0, 3, 4, 7, 10, 11]
    assert Split("50:50", "test", 2).rows(ids, labels).tolist() != [0, 3, 4, 7, 10, 11]


@pytest.mark.parametrize("how", ["", "80", "80:0", "0:20", "0/5", "6/5", "1/1", "a:b", "80:20:1"])
def test_what_no_split_is(how):
    with pytest.raises(DataError, match=r"two shares, as 80:20, or one of some folds, as 2/5"):
        Split(how, "train")


def test_classes_that_are_too_small():
    ids, labels = labelled([5, 1])
    with pytest.raises(DataError, match="the class 'dog' has 1 image, and 80:20 needs 2"):
        Split("80:20", "train").rows(ids, labels, ("cat", "dog"))
    with pytest.raises(DataError, match="the class 1 has 3 images, and 1/4 needs 4"):
        Split("1/4", "train").rows(*labelled([4, 3]))
    with pytest.raises(DataError, match="these images have no labels"):
        Split("80:20", "train").rows(["a", "b"], np.array([-1, 0]))
    with pytest.raises(DataError, match="the sides train and test, not 'val'"):
        Split("80:20", "val")
