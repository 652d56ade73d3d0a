"""The rules by which memories go into block RAM or look-up tables."""

import pytest

from bitlight import BitlightError
from bitlight_hw import family as families
from bitlight_hw.family import FAMILIES

XC7 = FAMILIES["xc7"]


@pytest.mark.parametrize(
    ("depth", "width", "shape"),
    [
        (36, 48, None),  # CNV's first layer: 48 look-up tables against two blocks
        (36, 1024, (36, 1)),  # its second: 29 blocks against 1,024
        (16, 4096, None),  # too shallow for any block
        (2304, 128, (512, 5)),  # 18 blocks, where 4,096 words of 4 bits would be 32
        (18432, 32, (2048, 9)),  # no bit of 32 blocks is left over
    ],
)
def test_roms_fill_their_blocks(depth, width, shape):
    assert XC7.rom_shape(depth, width) == shape


@pytest.mark.parametrize(("depth", "width", "blocks"), [(512, 36, 1), (513, 36, 2), (2048, 9, 1)])
def test_blocks_of_any_geometry(depth, width, blocks):
    assert XC7.blocks(depth, width) == blocks


def test_where_rams_go():
    assert XC7.in_blocks(512, 32)
    assert not XC7.in_blocks(16, 32)
    assert FAMILIES["ice40"].in_blocks(64, 16)
    assert not families.SIMULATION.in_blocks(512, 32)


def test_an_unknown_target_is_named():
    with pytest.raises(BitlightError, match="xc7.*not 'xc8'"):
        families.named("xc8")
