import numpy as np
import pytest
import torch

from bitlight.heads import products
from bitlight.heads.products import INTEGER_ROWS, blocks, cross, offset_for


@pytest.mark.parametrize("seed", range(20))
def test_integer_products_of_any_shape_are_exact(seed):
    rng = np.random.default_rng(seed)
    rows, left, right = rng.choice([1, 2, 3, 7, 8, 17, 31, 32, 33, 100], 3)
    a, b = (
        torch.from_numpy(rng.integers(-128, 128, (rows, columns), dtype=np.int8))
        for columns in (left, right)
    )
    assert torch.equal(cross(a, b).double(), a.double().T @ b.double())


def test_the_largest_batch_does_not_overflow():
    block = torch.full((INTEGER_ROWS, 2), -128, dtype=torch.int8)
    assert (cross(block, block) == INTEGER_ROWS * 128**2).all()


@pytest.mark.parametrize("integers", [True, False])
@pytest.mark.parametrize("top", [2, 128, 256])
def test_blocks_are_the_features_less_the_offset(monkeypatch, integers, top):
    monkeypatch.setattr(products, "multiplies_integers", lambda device: integers)
    X = np.random.default_rng(0).integers(0, top, (5000, 3), dtype=np.uint8)
    X[0] = top - 1
    offset = offset_for(X)
    found = [block for _, block in blocks(X, offset, torch.device("cpu"))]
    assert {block.dtype for block in found} == {torch.int8 if integers else torch.float32}
    assert np.array_equal(torch.cat(found).double().numpy(), X - offset)


def test_columns_in_another_order_in_memory():
    X = np.asfortranarray(np.random.default_rng(0).integers(0, 256, (50, 7), dtype=np.uint8))
    ((_, block),) = blocks(X[:, ::-1], offset_for(X), torch.device("cpu"))
    assert np.array_equal(block.double().numpy(), X[:, ::-1] - 128.0)
