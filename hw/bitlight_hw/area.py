"""Look-up tables of units: what their structure has of each kind, times what Yosys makes of one.

Each unit names its parts (places of a ring by their bits, falls of a popcount, digits of a sum …)
and how many it has. What one of them takes on a family was fitted to what Yosys counts for many
units of random networks (`bitlight_lab.figures.area`); the factors are in `area.json`.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib import resources

import numpy as np

from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family

# More than what fits best, since too small a prediction is worse than too large a one.
CAUTION = 0.02
# Bits of a product, from which on Yosys takes a multiplier.
LEAST_PRODUCT = 9
# How many of each part; whole numbers, mostly.
Parts = Counter[str]


def logic(family: Family, unit: str, parts: Mapping[str, float]) -> Estimate:
    """What one unit with those parts takes, beside its memories.

    Of look-up tables rather one more than one less.
    """
    return Estimate(
        luts=math.ceil(_sum(family, "luts", unit, parts) * (1 + CAUTION) - 1e-9),
        carries=round(_sum(family, "carries", unit, parts)),
        ffs=round(_sum(family, "ffs", unit, parts)),
    )


def bits(count: int) -> int:
    """Of a counter that has so many values."""
    return (count - 1).bit_length()


def counter(family: Family, count: int) -> Parts:
    """The parts of a counter that goes around."""
    if count == 1:
        return Parts()
    return Parts(counter=1) + sums(family, "counter", bits(count))


def sums(family: Family, name: str, width: int, count: float = 1) -> Parts:
    """Digits of so many sums, with carry chains or, where they are short, without."""
    kind = "bits" if width >= family.chain_bits else "short_bits"
    return Parts({f"{name}_{kind}": width * count})


def products(family: Family, one: int, other: int, count: int) -> Parts:
    """So many products of two signed numbers: multipliers, or rows of sums where there are none.

    Yosys leaves a product of fewer than nine bits to look-up tables.
    """
    if in_multipliers(family, one, other):
        return Parts(multiplied=count)
    return Parts(product_bits=one * other * count)


def in_multipliers(family: Family, one: int, other: int) -> bool:
    """Whether tools have a multiplier for a product of two numbers of so many bits."""
    return family.multipliers and min(one, other) > 1 and one + other >= LEAST_PRODUCT


def registers(count: int) -> Parts:
    """Bits that are kept as they come."""
    return Parts(held=count)


def memory(family: Family, depth: int, width: int) -> Parts:
    """What stands around a RAM of one write and one read port, beside its own tables.

    Words of several memories are chosen from; registers, where there are no tables for RAM, need a
    choice for each bit and an enable for each word. What is read is kept.
    """
    if width == 0:
        return Parts()
    if family.in_blocks(depth, width):  # where tools cut it, there is a choice
        _, ways = family.cut(depth, width, ram=True)
        return Parts(register_choice=width * (ways - 1)) if ways > 1 else Parts()
    if not family.distributed:
        choice = Parts(register_choice=width * (depth - 1), register_words=depth)
        return choice + registers(width * (depth + 1))
    rows = family.ram_rows(depth)
    choice = Parts(ram_choice=width * (rows - 1), ram_rows=rows) if rows > 1 else Parts()
    return choice + registers(width)


def columns(words: np.ndarray, lut_inputs: int) -> Parts:
    """Tables that bits of a read-only memory are, each function of the address once.

    Parameters
    ----------
    words : bool array, shape (depth, bits)
    """
    depth, rows = len(words), 1 << lut_inputs
    address = np.arange(depth)[:, None] >> np.arange(bits(depth)) & 1 != 0
    free = {bytes(column) for column in np.packbits(address, axis=0).T}
    packed = np.unique(np.packbits(words, axis=0).T, axis=0)
    full = np.packbits(np.full(depth, True))
    wired = ~packed.any(axis=1) | (packed == full).all(axis=1)
    wired |= np.array([bytes(column) in free for column in packed], bool)
    # Each table looks up so many rows of one column.
    wide = -(-depth // rows) * rows // 8
    kept = np.pad(packed[~wired], [(0, 0), (0, wide - packed.shape[1])])
    parts = np.unique(kept.reshape(-1, rows // 8), axis=0)
    tables = int((parts.any(axis=1) & ~(parts == 255).all(axis=1)).sum())
    return Parts(rom_tables=tables, rom_choice=len(kept) * (-(-depth // rows) - 1))


def columns_at_most(depth: int, width: int, lut_inputs: int) -> Parts:
    """Tables of a read-only memory at most, whatever its words are."""
    tables_each = -(-depth // (1 << lut_inputs))
    width = min(width, 1 << min(depth, 30))
    return Parts(rom_tables=width * tables_each, rom_choice=width * (tables_each - 1))


class Kinds:
    """What stored bits are as functions of the address, where there are few words of each PE.

    Bits that are equal at every address are one register, and what follows from equal bits is there
    once. One that is always 0 is none; one that is always 1 begins as 0, so that no tool leaves it
    out.

    Parameters
    ----------
    words : bool array, shape (addresses, PE, SIMD), as they are stored
    """

    def __init__(self, words: np.ndarray) -> None:
        depth, pe, simd = words.shape
        packed = np.packbits(words.reshape(depth, pe * simd), axis=0).T
        columns, kinds = np.unique(packed, axis=0, return_inverse=True)
        zero = {place for place, column in enumerate(columns) if not column.any()}
        self._none = min(zero, default=-1)
        self._kinds = kinds.reshape(pe, simd)
        self._distinct: dict[range, np.ndarray] = {}

    def different(self, lanes: range) -> int:
        """PEs that have other bits there than those before."""
        return len(self._rows(lanes))

    def groups(self, lanes: range) -> list[int]:
        """For each of those, how many different registers there are."""
        return [len(set(row.tolist()) - {self._none}) for row in self._rows(lanes)]

    def values(self, lanes: range) -> int:
        """How many values the bits of a word can have there, as far as the registers tell."""
        found = set()
        for row in self._rows(lanes).tolist():
            free = sorted(set(row) - {self._none})
            for state in itertools.product((False, True), repeat=len(free)):
                value = dict(zip(free, state, strict=True))
                found.add(tuple(value.get(kind, False) for kind in row))
        return len(found)

    def _rows(self, lanes: range) -> np.ndarray:
        if lanes not in self._distinct:
            some = self._kinds[:, lanes.start : lanes.stop]
            self._distinct[lanes] = np.unique(some, axis=0)
        return self._distinct[lanes]


def _sum(family: Family, field: str, unit: str, parts: Mapping[str, float]) -> float:
    known = _fitted()
    factors = known.get(family.name, known["xc7"])[field][unit]
    return sum(number * factors.get(part, 0.0) for part, number in parts.items())


@cache
def _fitted() -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Family → field → unit → part → factor."""
    return json.loads(resources.files("bitlight_hw").joinpath("area.json").read_text())
