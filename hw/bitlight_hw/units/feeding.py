"""A unit by itself: beats in, beats out, in Amaranth's simulator."""

from collections.abc import Sequence
from typing import Any

from amaranth import Const, Module, Shape, Signal
from amaranth.sim import Simulator

from bitlight_hw.units.unit import Unit

QUIET = 40  # cycles in which nothing moves, after which nothing will


def feed(unit: Unit, *sent: Sequence[int]) -> list[int] | tuple[list[int], ...]:
    """What a unit gives for the beats of each of its inputs, as soon as it can.

    For trying a unit out; tests with pauses and cycle counts are in `tests/support/streams.py`.

    Parameters
    ----------
    unit : Unit
    sent : list of int, one for each input stream
        Beats, as numbers of so many bits as the stream has.

    Returns
    -------
    list of int, or a tuple of these where the unit has several output streams
        Beats, signed where the stream's payload is.

    Raises
    ------
    ValueError
        If there are not as many lists as inputs.

    Examples
    --------
    >>> from bitlight_hw.units import Gearbox
    >>> feed(Gearbox(1, 2, 4), [1, 2, 3, 4])  # two elements of four bits in a beat
    [33, 67]
    """
    if len(sent) != len(unit.inputs):
        raise ValueError(f"the unit takes {len(unit.inputs)} streams, not {len(sent)}")
    given: dict[str, list[int]] = {name: [] for name in unit.outputs}

    async def bench(ctx: Any) -> None:
        left = {name: list(beats) for name, beats in zip(unit.inputs, sent, strict=True)}
        still = 0
        for name in unit.outputs:
            ctx.set(getattr(unit, name).ready, 1)
        while still < QUIET:
            for name, beats in left.items():
                stream = getattr(unit, name)
                ctx.set(stream.valid, bool(beats))
                if beats:
                    ctx.set(stream.payload, _fitted(beats[0], stream.payload.shape()))
            still += 1
            for name, beats in left.items():
                if beats and ctx.get(getattr(unit, name).ready):
                    beats.pop(0)
                    still = 0
            for name, beats in given.items():
                stream = getattr(unit, name)
                if ctx.get(stream.valid):
                    beats.append(ctx.get(stream.payload))
                    still = 0
            await ctx.tick()

    around = Module()  # with a clock, which a unit without registers lacks
    around.submodules.unit = unit
    around.d.sync += Signal().eq(1)
    simulator = Simulator(around)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    found = tuple(given.values())
    return found[0] if len(found) == 1 else found


def _fitted(beat: int, shape: Any) -> int:
    """A number as so many bits hold it, whose sign the shape may have."""
    shape = Shape.cast(shape)
    return int(Const(beat, shape).value)
