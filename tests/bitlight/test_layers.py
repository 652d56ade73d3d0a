"""Layers refuse what they cannot be, and name the value."""

import numpy as np
import pytest

from bitlight import Conv2d, Linear, MaxPool2d, NetworkError

W = np.ones((4, 3, 3, 2), dtype=bool)
T = np.zeros(4, dtype=np.int32)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(W.astype(np.uint8), T), "weight must be a bool array, not uint8"),
        (lambda: Conv2d(W[0], T), r"shape \[out, kh, kw, in\], not \(3, 3, 2\)"),
        (lambda: Conv2d(W, T[:3]), r"shape \(4,\), one for each output"),
        (lambda: Conv2d(W, T.astype(float)), "threshold must be int32, not float64"),
        (lambda: Conv2d(W, T.astype(np.int64) + 2**31), "fit in 32 bits"),
        (lambda: Conv2d(W, T, stride=(0, 1)), r"stride must be two integers of 1 to 65535"),
        (lambda: Conv2d(W, T, padding=(-1, 0)), r"padding must be two integers of 0 to 65535"),
        (lambda: Conv2d(W, T, pad_value=0.5), "pad_value must be an integer, not 0.5"),
        (lambda: Linear(W, None), r"shape \[out, in\]"),
        (lambda: Linear(np.zeros((0, 3), bool), None), r"not \(0, 3\)"),
        (lambda: MaxPool2d((2, 0)), "kernel must be two integers of 1 to 65535"),
        (lambda: MaxPool2d((2, 2), (1,)), "stride must be two integers"),
    ],
)
def test_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


def test_arrays_are_copies_that_cannot_change():
    weight = W.copy()
    layer = Conv2d(weight, T)
    weight[:] = False
    assert layer.weight.all()
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0] = False


def test_output_shapes():
    assert Conv2d(W, T).output_shape((5, 6, 2)) == (3, 4, 4)
    assert Conv2d(W, T, (2, 3), (1, 0)).output_shape((5, 6, 2)) == (3, 2, 4)
    assert MaxPool2d().output_shape((5, 6, 2)) == (2, 3, 2)
    assert MaxPool2d((3, 3), (2, 2)).output_shape((7, 8, 2)) == (3, 3, 2)
    assert Linear(np.ones((7, 12), bool), None).output_shape((2, 3, 2)) == (7,)


def test_an_integer_stands_for_both_directions():
    assert MaxPool2d(3, 2).kernel == (3, 3)
    assert Conv2d(W, T, stride=2).stride == (2, 2)


def test_weights_are_copied_unless_nobody_can_write_to_them():
    weight = np.ones((2, 3), bool)
    view = weight.view()
    view.flags.writeable = False
    assert not np.shares_memory(Linear(weight, None).weight, weight)
    assert not np.shares_memory(Linear(view, None).weight, weight)
    weight.flags.writeable = False
    assert np.shares_memory(Linear(view, None).weight, weight)
