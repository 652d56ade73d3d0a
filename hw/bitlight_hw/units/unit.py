"""What all units share: one stream in, one stream out, and a timing that simulation must meet."""

from abc import abstractmethod
from typing import Any

from amaranth import Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import Part


class Unit(wiring.Component):
    """A component with a stream `i` and a stream `o` and nothing else.

    Parameters
    ----------
    i_shape, o_shape : Amaranth shapes of the two payloads
    """

    i: Any
    o: Any
    # Most units are made for their timing alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, i_shape: Any, o_shape: Any) -> None:
        super().__init__({"i": In(stream.Signature(i_shape)), "o": Out(stream.Signature(o_shape))})

    @property
    @abstractmethod
    def timing(self) -> tuple[Part, ...]:
        """The parts that a token passes from `i` to `o`, in order."""

    @abstractmethod
    def estimate(self, family: Family) -> Estimate:
        """What it takes: memories by the family's rules, logic as fitted to Yosys' counts."""

    def least_estimates(self, family: Family) -> list[Estimate]:
        """What it takes at least, whatever stands around it; one for each way that it may take."""
        return [self.estimate(family)]


def counter(size: int, name: str) -> Signal:
    """A register that counts to size − 1, one bit wide at least: Verilog has no empty wires."""
    return Signal(range(max(size, 2)), name=name)
