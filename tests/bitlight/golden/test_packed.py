"""The two engines of the golden model agree, and with sums written out by hand."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from networks import draw_images, draw_network, seeds

from bitlight import Conv2d, Linear, Network


@given(seeds())
@settings(max_examples=200, deadline=None)
def test_packed_equals_plain(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    x = draw_images(rng, net, 3)
    for k in range(1, len(net.layers) + 1):
        packed, plain = net.forward(x, upto=k), net.forward(x, upto=k, engine="plain")
        assert packed.dtype == plain.dtype
        assert np.array_equal(packed, plain)


def test_wide_layers_cross_words():
    rng = np.random.default_rng(0)
    layers = [
        Conv2d(rng.random((70, 3, 3, 65)) < 0.5, rng.integers(-9, 9, 70), padding=(1, 1)),
        Linear(rng.random((130, 70 * 20)) < 0.5, rng.integers(-9, 9, 130)),
        Linear(rng.random((3, 130)) < 0.5, None),
    ]
    net = Network((4, 5, 65), 1, layers)
    x = draw_images(rng, net, 300)  # more than a batch
    assert np.array_equal(net.forward(x), net.forward(x, engine="plain"))


def test_sums_by_hand():
    """a = Σ w·(2x − (2^b − 1)), bit = a ≥ threshold, pads count, sign(0) = +1."""
    weight = np.array([[[[True]], [[False]]]])  # kh 2, kw 1: +1 above −1
    x = np.array([5, 1], np.uint8).reshape(1, 2, 1, 1)  # odd integers 3, −5 of 3 bits
    sums = [-7 - 3, 3 + 5, -5 + 7]  # the pad 0 is −7, above and below
    for engine in ("packed", "plain"):
        for threshold in range(-12, 12):
            conv = Conv2d(weight, np.array([threshold]), padding=(1, 0), pad_value=0)
            net = Network((2, 1, 1), 3, [conv])
            expected = [int(a >= threshold) for a in sums]
            assert net.forward(x, engine=engine)[0].tolist() == expected


def test_scores_by_hand():
    net = Network((3,), 1, [Linear(np.array([[True, False, True], [False] * 3]), None)])
    x = np.array([[1, 0, 0], [0, 0, 0]], np.uint8)
    for engine in ("packed", "plain"):
        assert net.forward(x, engine=engine).tolist() == [[1, 1], [-1, 3]]


ELSEWHERE = """
import numpy as np
from networks import draw_images, draw_network

for seed in range(25):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    x = draw_images(rng, net, 3)
    assert np.array_equal(net.forward(x), net.forward(x, engine="plain")), seed
"""


@pytest.mark.parametrize("features", ["", "+avx2,+avx", "+sse2"])
def test_other_processors(features, tmp_path):
    """What LLVM makes of the same sums for processors without AVX-512."""
    environment = os.environ | {
        "NUMBA_CPU_NAME": "x86-64",
        "NUMBA_CPU_FEATURES": features,
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run([sys.executable, "-c", ELSEWHERE], env=environment, check=True)


SIXTY_THOUSAND = """
import resource
import numpy as np
from bitlight.zoo.topologies import TOPOLOGIES

net = TOPOLOGIES["cnv"].random(0)
images = np.random.default_rng(0).integers(0, 256, (60000, 32, 32, 3), dtype=np.uint8)
net.forward(images)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_is_bounded_by_a_batch():
    """60,000 images of 184 MB in all, in less than 1.5 GB with all that Python loads."""
    done = subprocess.run(
        [sys.executable, "-c", SIXTY_THOUSAND], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 1500
