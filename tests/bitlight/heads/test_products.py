import numpy as np
import pytest

from bitlight import HeadError
from bitlight.heads import place as places
from bitlight.heads.place import Memory, Torch, place_of
from bitlight.heads.products import INTEGER_ROWS, blocks, cross, offset_for

PLACES = [Memory(), Torch("cpu")]


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("seed", range(20))
def test_integer_products_of_any_shape_are_exact(seed, place):
    rng = np.random.default_rng(seed)
    rows, left, right = rng.choice([1, 2, 3, 7, 8, 17, 31, 32, 33, 100], 3)
    a, b = (rng.integers(-128, 128, (rows, columns), dtype=np.int8) for columns in (left, right))
    found = place.fetch(cross(place.put(a), place.put(b), place))
    assert np.array_equal(found, a.astype(np.int64).T @ b)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_the_largest_batch_does_not_overflow(place):
    block = place.put(np.full((INTEGER_ROWS, 2), -128, np.int8))
    assert (place.fetch(cross(block, block, place)) == INTEGER_ROWS * 128**2).all()


@pytest.mark.parametrize("integers", [True, False])
@pytest.mark.parametrize("top", [2, 128, 256])
def test_blocks_are_the_features_less_the_offset(integers, top):
    place = Torch("cpu")
    place.integers = integers
    X = np.random.default_rng(0).integers(0, top, (5000, 3), dtype=np.uint8)
    X[0] = top - 1
    offset = offset_for(X)
    found = [place.fetch(block) for _, block in blocks(X, offset, place)]
    assert {block.dtype.name for block in found} == {"int8" if integers else "float32"}
    assert np.array_equal(np.concatenate(found).astype(float), X - offset)


def test_columns_in_another_order_in_memory():
    X = np.asfortranarray(np.random.default_rng(0).integers(0, 256, (50, 7), dtype=np.uint8))
    ((_, block),) = blocks(X[:, ::-1], offset_for(X), Torch("cpu"))
    assert np.array_equal(block.double().numpy(), X[:, ::-1] - 128.0)


def test_without_torch_the_place_is_this_memory(monkeypatch):
    monkeypatch.setattr(places.importlib.util, "find_spec", lambda name: None)
    assert isinstance(place_of("cpu"), Memory)
    with pytest.raises(HeadError, match=r"'cuda' needs torch.*pip install 'bitlight\[train\]'"):
        place_of("cuda")
