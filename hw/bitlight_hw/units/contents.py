"""What a read-only memory holds, and what that takes."""

from functools import cached_property

import numpy as np

from bitlight_hw import area
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family

# Of a ROM of look-up tables: more bits of a word are taken to be all different.
MOST_COLUMNS = 2048


def side_parts(family: Family, width: int, side: int) -> area.Parts:
    """The choice of one of so many words of block RAM, side by side or one above the other."""
    if side == 1:
        return area.Parts()
    return area.Parts(side_choice=width * family.choice_luts(side), side_bits=area.bits(side))


class Contents:
    """The words of a ROM, and how they lie in memory.

    Parameters
    ----------
    words : bool array, shape (depth, lanes, width)
    """

    def __init__(self, words: np.ndarray) -> None:
        self.words = words
        self.depth, self.lanes, self.width = words.shape
        self._found: dict[str, tuple[int, int]] = {}

    @cached_property
    def stored(self) -> list[int]:
        """Lanes that have a memory."""
        even = (self.words == self.words[0]).all(axis=(0, 2))
        return [int(lane) for lane in np.flatnonzero(~even)]

    def shape(self, family: Family) -> tuple[int, int]:
        """(rows, words side by side) of the one memory on an FPGA."""
        shape = family.rom_shape(self.depth, len(self.stored) * self.width)
        return shape or (self.depth, 1)

    def rows(self, family: Family) -> np.ndarray:
        """What the one memory holds: bool array of shape (rows, bits)."""
        width = len(self.stored) * self.width
        rows, side = self.shape(family)
        words = self.words[:, self.stored].reshape(self.depth, width)
        words = np.pad(words, [(0, rows * side - self.depth), (0, 0)])
        return words.reshape(side, rows, width).transpose(1, 0, 2).reshape(rows, side * width)

    def estimate(self, family: Family) -> Estimate:
        """Its block RAM; tools leave out bits that are the same in every row of that."""
        width = len(self.stored) * self.width
        bits = self.depth * width
        if width == 0 or family.rom_shape(self.depth, width) is None:
            return Estimate(rom_bits=bits)
        return Estimate(blocks=family.cut(*self._varying(family))[0], rom_bits=bits)

    def _varying(self, family: Family) -> tuple[int, int]:
        """(rows, bits that are not the same in all) of what is in block RAM."""
        if family.name not in self._found:
            rows = self.rows(family)
            varying = int((rows != rows[0]).any(axis=0).sum())
            self._found[family.name] = len(rows), max(1, varying)
        return self._found[family.name]

    def parts(self, family: Family) -> area.Parts:
        """Tables of its bits, or the choice of one of the words that lie side by side."""
        width = len(self.stored) * self.width
        if self.depth == 1 or width == 0:
            return area.Parts()
        shape = family.rom_shape(self.depth, width)
        if shape is None and width > MOST_COLUMNS:
            return area.columns_at_most(self.depth, width, family.lut_inputs)
        if shape is None:
            words = self.words[:, self.stored].reshape(self.depth, width)
            return area.columns(words, family.lut_inputs)
        rows, varying = self._varying(family)
        cut = side_parts(family, varying, family.cut(rows, varying)[1])
        return cut + side_parts(family, width, shape[1])
