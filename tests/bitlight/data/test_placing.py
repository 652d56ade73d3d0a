"""Pictures come into a network's shape in the way that is asked for."""

import numpy as np
import pytest
from PIL import Image

from bitlight import DataError
from bitlight.data import Placing


@pytest.mark.parametrize("size", [(5000, 1), (1, 5000), (3, 7), (28, 28), (26, 27), (9, 9)])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_size_comes_out_as_wanted(size, fit, mode):
    found = Placing(fit).place(Image.new(mode, size, "white"), (28, 28))
    assert (found.size, found.mode) == ((28, 28), mode)
    assert np.asarray(found).max() == 255


def test_equal_aspects_are_equal_in_every_way():
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8))
    found = [
        np.asarray(Placing(fit).place(picture, (15, 10))) for fit in ("crop", "pad", "stretch")
    ]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_bars_have_the_background():
    for background, value in (("white", 255), ("black", 0)):
        found = Placing("pad", background).place(Image.new("L", (10, 40), 99), (10, 10))
        assert np.asarray(found)[5].tolist() == [value] * 4 + [99] * 2 + [value] * 4


@pytest.mark.parametrize("wrong", [{"fit": "fill"}, {"background": "red"}])
def test_others_are_refused(wrong):
    with pytest.raises(DataError, match=r"must be .*, not "):
        Placing(**wrong)
