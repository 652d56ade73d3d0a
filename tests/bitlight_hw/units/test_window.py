"""Window: the words of each window, as often as the neurons' folds need them, from a ring."""

from dataclasses import dataclass

import numpy as np
import pytest
from streams import PAUSES, check

from bitlight_hw import timing
from bitlight_hw.units import Window

IMAGES = 4


@dataclass
class Case:
    height: int
    across: int
    inner: int = 1
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    repeats: int = 1
    depth: int = 0

    def unit(self, width=8):
        return Window(width, **vars(self))

    def windows(self, image):
        """(H, W, inner) -> the words in the order in which they are given."""
        (tall, wide), (down, along) = self.kernel, self.stride
        given = []
        for y in range(0, self.height - tall + 1, down):
            for x in range(0, self.across - wide + 1, along):
                given += self.repeats * image[y : y + tall, x : x + wide].ravel().tolist()
        return given


CASES = [
    pytest.param(Case(1, 12), id="queue of two words"),
    pytest.param(Case(1, 12, depth=5), id="queue of five words"),
    pytest.param(Case(4, 5, 2, (3, 3)), id="least ring"),
    pytest.param(Case(4, 5, 2, (3, 3), depth=27), id="ring one word deeper"),
    pytest.param(Case(4, 5, 2, (3, 3), depth=41), id="ring of an image and a word"),
    pytest.param(Case(4, 5, 2, (3, 3), depth=100), id="ample ring"),
    pytest.param(Case(4, 4, 1, (2, 2), repeats=3), id="repeated, least ring"),
    pytest.param(Case(4, 4, 1, (2, 2), repeats=3, depth=9), id="repeated, deeper ring"),
    pytest.param(Case(1, 1, 6, repeats=4), id="fully connected"),
    pytest.param(Case(1, 1, 6, repeats=4, depth=12), id="fully connected, two vectors"),
    pytest.param(Case(1, 1, 1, repeats=3), id="one word"),
    pytest.param(Case(5, 6, 1, (2, 3), (2, 2), repeats=2), id="rows and columns left over"),
    pytest.param(Case(3, 5, 2, (1, 1), (2, 2)), id="kernel 1, stride 2"),
    pytest.param(Case(7, 7, 1, (1, 1), (3, 3), depth=2), id="base far beyond a ring of two"),
    pytest.param(Case(7, 6, 3, (1, 2), (3, 4), repeats=2), id="stride beyond the kernel"),
    pytest.param(Case(6, 3, 2, (2, 3), (4, 1), depth=13), id="rows left over, one column"),
    pytest.param(Case(3, 4, 2, (3, 4), depth=24), id="the image is the window"),
    pytest.param(Case(4, 3, 1, (3, 1), (1, 2), repeats=5), id="kernel of one column"),
]


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("case", CASES)
def test_gives_each_window(case, pauses):
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (IMAGES, case.height, case.across, case.inner))
    expected = [case.windows(image) for image in images]
    check(case.unit(), images.reshape(IMAGES, -1).tolist(), expected, pauses)


@pytest.mark.parametrize("case", CASES)
def test_an_ample_ring_loses_no_cycle(case):
    case = Case(**{**vars(case), "depth": 1000})
    pixels = case.height * case.across * case.inner
    words = len(case.windows(np.zeros((case.height, case.across, case.inner), int)))
    assert timing.run(case.unit().timing, pixels, words).interval == max(pixels, words)


def test_a_word_is_given_two_cycles_after_it_came():
    assert timing.run(Case(1, 1, 1).unit().timing, 1, 1).latency == 2


def test_the_least_depth_holds_one_window():
    assert Case(9, 7, 2, (3, 4)).unit().depth == 2 * 7 * 2 + 4 * 2
    assert Case(1, 9).unit().depth == 2
