"""What hardware will take, before any tool has seen it."""

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Estimate:
    """Resources of a unit, or of many together.

    Attributes
    ----------
    luts : int
        Look-up tables as logic and as read-only memory.
    memory_luts : int
        Look-up tables as RAM.
    carries : int
        Carry primitives: CARRY4 on xc7, CCU2C on ECP5, SB_CARRY on iCE40.
    ffs : int
        Flip-flops.
    blocks : int
        Smallest block RAMs: 18 Kbit on xc7 and ECP5, 4 Kbit on iCE40.
    rom_bits, buffer_bits : int
        What weights and thresholds hold, and what rings, lines and sums do.
    dsps : int
        Multipliers: DSP48 on xc7, MULT18X18D on ECP5. On others a product is look-up tables.
    """

    luts: int = 0
    memory_luts: int = 0
    carries: int = 0
    ffs: int = 0
    blocks: int = 0
    rom_bits: int = 0
    buffer_bits: int = 0
    dsps: int = 0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @staticmethod
    def total(estimates: Iterable["Estimate"]) -> "Estimate":
        """The sum of estimates, resource by resource."""
        return sum(estimates, start=Estimate())


def tables(taken: Estimate) -> int:
    """Look-up tables as logic and as memory."""
    return taken.luts + taken.memory_luts
