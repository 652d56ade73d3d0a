import pickle

import numpy as np
import pytest

from bitlight.heads import symmetric
from bitlight.heads.place import Memory, Torch
from bitlight.heads.symmetric import Symmetric

PLACES = [Memory(), Torch("cpu")]


@pytest.fixture(autouse=True)
def short_strips(monkeypatch):
    monkeypatch.setattr(symmetric, "STRIP", 16)


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("size", [1, 16, 17, 50])
def test_products_sums_and_outer_products(size, place):
    rng = np.random.default_rng(size)
    blocks = rng.normal(size=(2, 30, size))
    a, b, v = (rng.normal(size=shape) for shape in (size, size, (size, 3)))
    one, other = Symmetric(size, place), Symmetric(size, place)
    one.add_products(place.put(blocks[0]), 0.5)
    other.add_products(place.put(blocks[1]))
    other.add_outer(a, b)
    expected = 0.5 * blocks[0].T @ blocks[0]
    further = blocks[1].T @ blocks[1] + np.outer(a, b) + np.outer(b, a)
    given = place.put(v)
    assert np.allclose(place.fetch(one.plus(other) @ given), (expected + further) @ v)
    one.add(pickle.loads(pickle.dumps(other)))
    assert np.allclose(place.fetch(one @ given), (expected + further) @ v)


def test_half_of_the_memory():
    gram = Symmetric(64, Memory())
    assert sum(strip.size for _, strip in gram.strips()) == 16 * 16 * (1 + 2 + 3 + 4)
