"""Packing is little-endian, zero-padded, and undone exactly."""

import numpy as np
import pytest

from bitlight import bits


@pytest.mark.parametrize("n", [1, 7, 8, 9, 63, 64, 65, 130])
def test_pack_and_unpack(n):
    values = np.random.default_rng(n).integers(0, 2, (3, n), dtype=np.uint8)
    assert np.array_equal(bits.unpack(bits.pack(values), n), values)
    assert np.array_equal(bits.unpack_words(bits.pack_words(values), n), values)


def test_element_i_is_bit_i_mod_8_of_byte_i_div_8():
    values = np.zeros(19, np.uint8)
    values[[0, 9, 18]] = 1
    assert bits.pack(values).tolist() == [1, 2, 4]
    assert bits.pack_words(values).tolist() == [1 + (1 << 9) + (1 << 18)]


def test_the_end_is_padded_with_zeros():
    assert bits.pack(np.ones(3, np.uint8)).tolist() == [0b111]
    assert bits.pack_words(np.ones(33, np.uint8)).tolist() == [2**32 - 1, 1]
