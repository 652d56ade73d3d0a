import numpy as np
import pytest
import torch

from bitlight.heads import symmetric
from bitlight.heads.symmetric import Symmetric

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def short_strips(monkeypatch):
    monkeypatch.setattr(symmetric, "STRIP", 16)


@pytest.mark.parametrize("size", [1, 16, 17, 50])
def test_products_sums_and_outer_products(size):
    rng = np.random.default_rng(size)
    blocks = torch.from_numpy(rng.normal(size=(2, 30, size)))
    a, b, v = (torch.from_numpy(rng.normal(size=shape)) for shape in (size, size, (size, 3)))
    one, other = Symmetric(size, CPU), Symmetric(size, CPU)
    one.add_products(blocks[0], 0.5)
    other.add_products(blocks[1])
    other.add_outer(a, b)
    expected = 0.5 * blocks[0].T @ blocks[0]
    further = blocks[1].T @ blocks[1] + torch.outer(a, b) + torch.outer(b, a)
    assert torch.allclose(one.plus(other) @ v, (expected + further) @ v)
    one.add(other)
    assert torch.allclose(one @ v, (expected + further) @ v)


def test_half_of_the_memory():
    gram = Symmetric(64, CPU)
    assert sum(strip.numel() for _, strip in gram.strips()) == 16 * 16 * (1 + 2 + 3 + 4)
