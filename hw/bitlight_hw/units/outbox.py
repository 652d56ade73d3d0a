"""Results of a pipeline that never waits: a queue whose places are lent before they are filled."""

from typing import Any

from amaranth import Module, Signal, Value
from amaranth.lib import wiring

from bitlight_hw.units.separate import separate
from bitlight_hw.units.window import Window


def give(
    m: Module,
    platform: Any,
    queue: Window,
    o: Any,
    *,
    lent: Value,
    room: Signal,
    done: Value,
    results: Value,
) -> None:
    """Results into the queue and from there to `o`; a queue of one place is a register.

    Parameters
    ----------
    queue : Window
        As deep as there are places.
    o : stream that the results leave by
    lent : one bit, whether something is let in that will have a result
    room : one bit, driven here: whether a place can be lent
    done, results : a result that has come
    """
    # Below zero while there is room, so that one bit tells.
    used = Signal(range(-queue.depth, 1), init=-queue.depth)
    m.d.sync += used.eq(used + lent - (o.valid & o.ready))
    m.d.comb += room.eq(used[-1])
    if queue.depth > 1:
        queue = separate(m, platform, "queue", queue)
        m.d.comb += [queue.i.valid.eq(done), queue.i.payload.eq(results)]
        wiring.connect(m, queue.o, wiring.flipped(o))
        return
    result = Signal(len(results), reset_less=True)
    m.d.comb += o.payload.eq(result)
    with m.If(~o.valid):
        m.d.sync += [result.eq(results), o.valid.eq(done)]
    with m.Elif(o.ready):
        m.d.sync += o.valid.eq(0)
