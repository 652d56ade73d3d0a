"""A network checks how its layers fit, and what it is given."""

import subprocess
import sys

import numpy as np
import pytest

from bitlight import Conv2d, Linear, MaxPool2d, Network, NetworkError

CONV = Conv2d(np.ones((4, 3, 3, 1), dtype=bool), np.zeros(4, dtype=np.int32))
WIDE = Conv2d(np.ones((1, 512, 512, 1), dtype=bool), np.zeros(1, dtype=np.int32))
SCORES = Linear(np.ones((2, 16), dtype=bool), None)


def network(input_bits=8):
    return Network((6, 6, 1), input_bits, [CONV, MaxPool2d(), SCORES])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network((6, 6), 8, [CONV]), r"input_shape must be \(H, W, C\) or \(n,\)"),
        (lambda: Network((6, 6, 0), 8, [CONV]), "input_shape must be"),
        (lambda: Network((6, 6, 1), 9, [CONV]), "input_bits must be 1 to 8, not 9"),
        (lambda: Network((6, 6, 1), 8, []), "at least one layer"),
        (lambda: Network((6, 6, 1), 8, [CONV, "pool"]), "layer 1: not a bitlight layer"),
        (lambda: Network((6, 6, 2), 8, [CONV]), r"layer 0: Conv2d of weight .*not \(6, 6, 2\)"),
        (lambda: Network((2, 6, 1), 8, [CONV]), r"layer 0: a window of \(3, 3\) does not fit"),
        (
            lambda: Network((16,), 8, [SCORES, SCORES]),
            "layer 1: it takes bits or pixels, not",
        ),
        (lambda: Network((15,), 8, [SCORES]), r"layer 0: Linear .* needs 16 inputs, not \(15,\)"),
        (
            lambda: Network((6, 6, 1), 2, [Conv2d(CONV.weight, CONV.threshold, pad_value=4)]),
            "layer 0: pad_value must be 0 to 3, not 4",
        ),
        (
            lambda: Network((65535, 65535, 1), 8, [CONV]),
            r"the input, \(65535, 65535, 1\), has 4,294,836,225 values, and 16,777,216 at most",
        ),
        (
            lambda: Network((6, 6, 1), 8, [Conv2d(CONV.weight, CONV.threshold, padding=30_000)]),
            r"layer 0: its padded input, \(60006, 60006, 1\), has 3,600,720,036 values",
        ),
        (
            lambda: Network((3000, 3000, 1), 8, [CONV]),
            r"layer 0: its output, \(2998, 2998, 4\), has 35,952,016 values",
        ),
        (
            lambda: Network((4096, 4096, 1), 1, [WIDE, WIDE]),
            "layer 1: an image takes 5,.* products up to here, and 4,398,046,511,104 at most",
        ),
    ],
)
def test_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 6, 6, 1), np.int64), "uint8 array, not int64"),
        ([[0]], "uint8 array, not list"),
        (np.zeros((6, 6, 1), np.uint8), r"shape \(N, 6, 6, 1\), not \(6, 6, 1\)"),
        (np.full((1, 6, 6, 1), 8, np.uint8), "values of 0 to 7, not 8"),
    ],
)
def test_images_refused(images, message):
    with pytest.raises(NetworkError, match=message):
        network(3).forward(images)


def test_upto():
    net = network()
    x = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 1), dtype=np.uint8)
    assert net.forward(x, upto=1).shape == (5, 64)
    assert net.forward(x, upto=2).shape == (5, 16)
    assert np.array_equal(net.forward(x, upto=3), net.forward(x))
    assert net.forward(x).dtype == np.int32
    assert net.upto(2).n_features == 16
    for k in (0, 4):
        with pytest.raises(NetworkError, match=f"upto must be 1 to 3 layers, not {k}"):
            net.forward(x, upto=k)


def test_the_engine_is_one_of_two():
    with pytest.raises(NetworkError, match="engine must be 'packed' or 'plain', not 'rtl'"):
        network().forward(np.zeros((1, 6, 6, 1), np.uint8), engine="rtl")


def test_no_images():
    for engine in ("packed", "plain"):
        out = network().forward(np.zeros((0, 6, 6, 1), np.uint8), engine=engine)
        assert out.shape == (0, 2)


def test_the_id_depends_on_all_that_is_computed():
    nets = [
        network(),
        network(7),
        Network((6, 6, 1), 8, [CONV, MaxPool2d()]),
        Network((6, 6, 1), 8, [CONV, MaxPool2d(2, 1)]),
        Network((6, 6, 1), 8, [Conv2d(~CONV.weight, CONV.threshold)]),
        Network((6, 6, 1), 8, [Conv2d(CONV.weight, CONV.threshold + 1)]),
        Network((6, 6, 1), 8, [Conv2d(CONV.weight, CONV.threshold, (1, 1), (1, 1), 0)]),
        Network((6, 6, 1), 8, [Conv2d(CONV.weight, CONV.threshold, (1, 1), (1, 1), 1)]),
    ]
    assert len({net.id for net in nets}) == len(nets)
    assert network().id == network().id
    assert len(network().id) == 64


def test_importing_bitlight_is_light():
    heavy = ("torch", "amaranth", "cocotb", "sklearn", "numba")
    program = f"import bitlight, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_everything_public_is_there():
    import bitlight

    assert all(hasattr(bitlight, name) for name in bitlight.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        bitlight.nonsense  # noqa: B018
