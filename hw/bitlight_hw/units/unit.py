"""What all units share: streams in, streams out, and a timing that simulation must meet."""

from abc import abstractmethod
from typing import Any

from amaranth import Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family
from bitlight_hw.timing import Part


class Unit(wiring.Component):
    """A component with a stream `i` and a stream `o` and nothing else.

    A unit of several streams has `i0`, `i1`, … in place of `i`, or `o0`, `o1`, … in place of `o`.

    Parameters
    ----------
    i_shape, o_shape : Amaranth shapes of the payloads; a tuple of these for several streams

    Attributes
    ----------
    inputs, outputs : tuples of str, names of the streams

    Examples
    --------
    >>> from amaranth import Module
    >>> from bitlight_hw.units import feed
    >>> class Wire(Unit):
    ...     def elaborate(self, platform):
    ...         m = Module()
    ...         m.d.comb += [self.o.payload.eq(self.i.payload), self.o.valid.eq(self.i.valid)]
    ...         m.d.comb += self.i.ready.eq(self.o.ready)
    ...         return m
    >>> feed(Wire(4, 4), [1, 2, 3])
    [1, 2, 3]
    """

    i: Any
    o: Any
    # Most units are made for their timing alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, i_shape: Any, o_shape: Any) -> None:
        # The streams come when one is first asked for: a plan of a large network asks for none.
        self._shapes = _streams("i", i_shape), _streams("o", o_shape)
        self._has_streams = False
        self.inputs, self.outputs = (tuple(side) for side in self._shapes)

    def _make_streams(self) -> None:
        if self._has_streams:
            return
        self._has_streams = True
        taken, given = self._shapes
        super().__init__(
            {name: In(stream.Signature(shape)) for name, shape in taken.items()}
            | {name: Out(stream.Signature(shape)) for name, shape in given.items()}
        )

    @property
    def signature(self) -> wiring.Signature:
        """Its streams, for Amaranth."""
        self._make_streams()
        return super().signature

    def __getattr__(self, name: str) -> Any:
        """A stream that is not there yet."""
        if self.__dict__.get("_has_streams", True) or name not in (*self.inputs, *self.outputs):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self._make_streams()
        return getattr(self, name)

    def payload_bits(self, stream: str) -> int:
        """Bits of a beat of that stream, without the streams themselves."""
        return Shape.cast({**self._shapes[0], **self._shapes[1]}[stream]).width

    @property
    @abstractmethod
    def timing(self) -> tuple[Part, ...]:
        """The parts that a token passes from `i` to `o`, in order.

        Of several streams in, the first part takes all; of several out, the last gives all.
        """

    @abstractmethod
    def estimate(self, family: Family) -> Estimate:
        """What it takes: memories by the family's rules, logic as fitted to Yosys' counts."""

    def least_estimates(self, family: Family) -> list[Estimate]:
        """What it takes at least, whatever stands around it; one for each way that it may take."""
        return [self.estimate(family)]


def _streams(name: str, shape: Any) -> dict[str, Any]:
    if not isinstance(shape, tuple):
        return {name: shape}
    return {f"{name}{index}": one for index, one in enumerate(shape)}


def counter(size: int, name: str, init: int = 0) -> Signal:
    """A register that counts to size − 1, one bit wide at least: Verilog has no empty wires."""
    return Signal(range(max(size, 2)), name=name, init=init)


def turn(m: Module, step: Value, size: int, name: str, init: int = 0) -> tuple[Value, Value]:
    """A counter that goes around, and whether it is at its last value, which is a register too.

    Parameters
    ----------
    step : one bit, when it counts
    size : int, how many values it has
    init : int, the first
    """
    if size == 1:
        return Const(0, 1), Const(1, 1)
    count = counter(size, name, init)
    last: Value = count
    if size > 2:
        last = Signal(name=f"{name}_last", init=init == size - 1)
        with m.If(step):
            m.d.sync += last.eq(count == size - 2)
    wraps = size & (size - 1) == 0
    with m.If(step):
        m.d.sync += count.eq(count + 1 if wraps else Mux(last, 0, count + 1))
    return count, last
