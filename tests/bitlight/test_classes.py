"""Labels of two sources are matched by name, or refused."""

import numpy as np
import pytest

from bitlight import DataError
from bitlight.data.classes import check_names, translate, translation


def test_by_name():
    labels = np.array([0, 1, 1, -1, 0])
    found = translate(labels, ["cat", "ant"], ["ant", "bee", "cat"], "b")
    assert found.tolist() == [2, 0, 0, -1, 2]


def test_without_names_on_both_sides():
    labels = np.array([3, -1])
    assert translate(labels, [], [], "b") is labels


def test_names_that_do_not_occur_may_be_unknown():
    labels = np.array([1, 1])
    assert translate(labels, ["dog", "ant"], ["ant", "bee"], "b").tolist() == [0, 0]
    with pytest.raises(DataError, match="b has the class 'dog', which is none of ant, bee"):
        translation(["dog", "ant"], ["ant", "bee"], "b")


@pytest.mark.parametrize(("names", "wanted"), [((), ("a",)), (("a",), ())])
def test_names_on_one_side(names, wanted):
    with pytest.raises(DataError, match="only be matched by name"):
        translate(np.array([0]), names, wanted, "b")


def test_a_label_without_a_name():
    with pytest.raises(DataError, match="label 2, and names for 2 classes"):
        translate(np.array([2]), ["a", "b"], ["a", "b"], "b")


@pytest.mark.parametrize("names", ["ab", ["a", "a"], ["a", 1], ["\ud800"]])
def test_names_from_a_file(names):
    with pytest.raises(ValueError, match=r"no list|twice|surrogates"):
        check_names(names, "its classes")
