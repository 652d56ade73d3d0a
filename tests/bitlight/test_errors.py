"""Messages show values as people write them."""

import copy
import pickle

import numpy as np
import pytest

from bitlight import BitlightError, HeadError, Linear, Network, NetworkError, RidgeHead


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.int64(-3), "-3"),
        (np.uint8(3), "3"),
        (np.float32(0.5), "0.5"),
        (np.str_("a b"), "'a b'"),
        (np.True_, "True"),
        ([np.int64(1), np.float64(2.5)], "[1, 2.5]"),
        ("np.int64", "'np.int64'"),
    ],
)
def test_scalars_of_numpy_are_values(value, shown):
    error = BitlightError(f"not {value!r}")
    assert str(error) == f"not {shown}"
    assert str(pickle.loads(pickle.dumps(error))) == str(copy.copy(error)) == str(error)


def test_what_users_see():
    with pytest.raises(NetworkError, match="must be 1 to 8, not 9$"):
        Network((4,), np.int64(9), [Linear(np.ones((1, 4), bool), None)])
    with pytest.raises(HeadError, match=r"not 1 class \(0\)"):
        RidgeHead().fit(np.zeros((3, 2)), np.zeros(3, int))
