"""What the text is for: a simulator, or a family of FPGAs with its look-up tables and block RAM."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from amaranth.lib.memory import Memory

from bitlight import BitlightError
from bitlight_hw import styles
from bitlight_hw.estimate import Estimate, tables


@dataclass(frozen=True)
class Family:
    """A family of FPGAs, or the simulator.

    Parameters
    ----------
    name : str
    popcount : "sum" or "parity"
        Body of the popcounts: the sum that a simulator makes one instruction of, or the prefix
        parities that take half the look-up tables.
    lut_inputs : int
    block : dict
        Geometry of the smallest block RAM: bits of a word for each depth. Empty: memories stay as
        they are written.
    block_price : int
        Look-up tables that one such block is worth. A memory goes into blocks where look-up tables
        would be more.
    block_name : str
    distributed : bool
        Whether look-up tables can be RAM.
    shifts : bool
        Whether they can be shift registers.
    chain_bits : int
        Digits from which on Yosys gives a sum to carry chains; shorter ones are tables alone.
    packs_ram : bool
        Whether Yosys cuts a RAM into shallower ones where that saves a block, as it does with any
        ROM, and puts their choice directly behind them.
    uncut : bool
        Whether a ROM is given no shape that it would do that with.
    multipliers : bool
        Whether tools find some for a product.
    cells_of_carry : float
        Places for look-up tables that a carry primitive takes, with its share of what leads into
        its chain.
    lone : float
        Such places for each flip-flop: some stand behind no table of their own, and some carries.
    cell_name, carry_name : str
        What the family's tools call such places and a carry primitive.
    starts : bool
        Whether registers have a value before the first reset.
    """

    name: str
    popcount: Literal["sum", "parity"]
    lut_inputs: int = 6
    block: tuple[tuple[int, int], ...] = ()
    block_price: int = 0
    block_name: str = ""
    distributed: bool = False
    shifts: bool = False
    chain_bits: int = 1
    packs_ram: bool = False
    uncut: bool = False
    multipliers: bool = True
    cells_of_carry: float = 0
    lone: float = 0.0
    cell_name: str = ""
    carry_name: str = ""
    starts: bool = True

    def rom_luts(self, depth: int, width: int) -> int:
        """Look-up tables of a ROM that is made of them: tables for each bit, and their choice.

        Bits that are equal at every address are one; of a shallow ROM many are.
        """
        width = min(width, 1 << min(depth, 30))
        tables = -(-depth // (1 << self.lut_inputs))
        return width * (tables + self.choice_luts(tables))

    def choice_luts(self, ways: int) -> int:
        """Look-up tables that choose one of so many bits."""
        return -(-(ways - 1) // (3 if self.lut_inputs == 6 else 1))

    def rom_shape(self, depth: int, width: int) -> tuple[int, int] | None:
        """(rows, words side by side in a row) of a ROM in block RAM, or None for look-up tables.

        A ROM deeper than a block's geometry is folded, so that its rows fill blocks of another:
        words that are `rows` apart lie side by side, and their choice costs look-up tables.
        """
        if not self.block or depth <= 16:
            return None
        cost, shape = min(self._folds(depth, width))
        return shape if cost < self.rom_luts(depth, width) else None

    def _folds(self, depth: int, width: int) -> Iterator[tuple[int, tuple[int, int]]]:
        for rows, _ in self.block:
            side = -(-depth // rows)
            blocks = self.blocks(rows, side * width)
            if self.uncut and self._packed(rows, side * width)[0] < blocks:
                continue  # block RAM is slow to give, and no register could be behind it
            cost = blocks * self.block_price
            yield cost + width * self.choice_luts(side), (min(rows, depth), side)

    def _packed(self, depth: int, width: int) -> tuple[int, int]:
        """(blocks, how many of these a bit is in) where bits stand in columns of one depth."""
        pieces = [(-(-depth // rows), bits) for rows, bits in self.block]
        return min((-(-width * count // bits), count) for count, bits in pieces)

    def blocks(self, depth: int, width: int) -> int:
        """Smallest blocks, side by side, that hold so many words."""
        return min(-(-width // bits) * -(-depth // rows) for rows, bits in self.block)

    def cut(self, depth: int, width: int, ram: bool = False) -> tuple[int, int]:
        """(smallest blocks that Yosys takes, in how many of them a bit is that it chooses from)."""
        blocks = self.blocks(depth, width)
        packed = self._packed(depth, width)
        return packed if packed[0] < blocks and (self.packs_ram or not ram) else (blocks, 1)

    def in_blocks(self, depth: int, width: int) -> bool:
        """Whether a RAM of one write and one read port goes into block RAM."""
        return bool(self.block) and self.blocks(depth, width) * self.block_price < self.ram_luts(
            depth, width
        )

    def occupied(self, taken: Estimate) -> int:
        """Places for look-up tables that a design takes, with what else stands in them."""
        return tables(taken) + round(self.cells_beside(taken))

    def cells_beside(self, taken: Estimate) -> float:
        """Of these places, those of carry chains and of flip-flops that stand alone."""
        return self.cells_of_carry * taken.carries + self.lone * taken.ffs

    def ram_rows(self, depth: int) -> int:
        """Memories of look-up tables that stand one above the other in a RAM of that depth."""
        return -(-depth // (64 if self.lut_inputs == 6 else 16))

    def memory_luts(self, depth: int, width: int) -> int:
        """Look-up tables that are the memory of a RAM, without what chooses from them."""
        if not self.distributed:
            return 0
        if self.lut_inputs == 6:  # four tables hold 64 words of 3 bits, or 32 of 6
            lanes = -(-width // 3) if depth > 32 else -(-width // 6)
        else:  # two tables hold 16 words of 4 bits; one more each writes
            lanes = -(-width // 4)
        return 4 * lanes * self.ram_rows(depth)

    def ram_luts(self, depth: int, width: int) -> int:
        """What a RAM counts for where it is weighed against block RAM."""
        if not self.distributed:
            return depth * width
        choice = width * self.choice_luts(self.ram_rows(depth))
        return self.memory_luts(depth, width) + choice

    def ram_estimate(self, depth: int, width: int) -> Estimate:
        """What the memory of a RAM of one write and one read port is."""
        bits = depth * width
        if width and self.in_blocks(depth, width):
            return Estimate(blocks=self.cut(depth, width, ram=True)[0], buffer_bits=bits)
        return Estimate(memory_luts=self.memory_luts(depth, width), buffer_bits=bits)

    def ram(self, depth: int, width: int) -> Memory:
        """A RAM that every tool puts where this rule wants it.

        No word may be read while it is written: tools need not guard against that.
        """
        attributes: dict[str, Any] = {} if self.popcount == "sum" else {"no_rw_check": 1}
        if self.in_blocks(depth, width):
            attributes |= styles.ram(self.name, "block")
        elif self.distributed:
            attributes |= styles.ram(self.name, "tables")
        return Memory(shape=width, depth=depth, init=[], attrs=attributes)


# 18 Kbit, as AMD's RAMB18 and Lattice's DP16KD count it with their parity bits.
_18K = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
_4K = ((256, 16), (512, 8), (1024, 4), (2048, 2))

SIMULATION = Family("simulation", "sum")
FAMILIES = {
    family.name: family
    for family in [
        SIMULATION,
        Family("xc7", "parity", 6, _18K, 32, "RAMB18", True, shifts=True, carry_name="CARRY4"),
        Family(
            "ecp5",
            "parity",
            4,
            _18K,
            64,
            "DP16KD",
            True,
            uncut=True,
            chain_bits=5,
            cells_of_carry=3.5,  # itself two; by nextpnr 2.8 to 4 in random networks, 3.1 in CNV
            cell_name="TRELLIS_COMB",
            carry_name="CCU2C",
        ),
        Family(
            "ice40",
            "parity",
            4,
            _4K,
            32,
            "RAM40_4K",
            packs_ram=True,
            multipliers=False,
            lone=0.7,  # by nextpnr 0.3 to 0.8 in random networks
            cell_name="logic cell",
            carry_name="SB_CARRY",
        ),
        # Tools decide where memories go; FPGAs that keep nothing from configuration are among them.
        Family("generic", "parity", starts=False),
    ]
}


def named(name: str) -> Family:
    """The family of that name."""
    if name not in FAMILIES:
        raise BitlightError(f"target must be one of {', '.join(FAMILIES)}, not {name!r}")
    return FAMILIES[name]


def of(platform: Any) -> Family:
    """The family that a design is elaborated for; Amaranth's own simulator passes None."""
    if platform is None:
        return SIMULATION
    return platform if isinstance(platform, Family) else platform.family
