"""A bench for any stream unit: drives `i`, takes from `o`, and holds `o` to the stream rules.

It knows a unit by its two streams and its timing alone. A test gives what goes in and, from its own
reference, what must come out, image by image.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Any, NamedTuple

import numpy as np
from amaranth.sim import Simulator

from bitlight_hw import timing
from bitlight_hw.timing import GIVE, TAKE


class Pauses(NamedTuple):
    """Odds in each cycle that the source pauses before a beat, and that the sink does.

    A source that offers a beat keeps to it. So does a sink that is ready, unless it is `restless`:
    then it draws anew in each cycle, whether a beat came or not.
    """

    idle: float = 0.0
    busy: float = 0.0
    restless: bool = False


PAUSES = [
    Pauses(),
    Pauses(idle=0.5),
    Pauses(busy=0.5),
    Pauses(idle=0.5, busy=0.5),
    Pauses(idle=0.5, busy=0.5, restless=True),
]
# After so many cycles with nothing left to take and nothing offered, nothing more will come.
QUIET = 20


@dataclass
class Flow:
    """What passed: the cycle of each beat in, and each beat out with its cycle."""

    taken_at: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    given_at: list[int] = field(default_factory=list)


def beats(elements: np.ndarray, per_beat: int, bits: int) -> list[int]:
    """Beats of `per_beat` elements in C order, the first in the lowest bits; two's complement."""
    mask = (1 << bits) - 1
    return [
        sum((int(element) & mask) << (bits * index) for index, element in enumerate(beat))
        for beat in np.asarray(elements).reshape(-1, per_beat)
    ]


class Gate:
    """Opens after the pause before each beat, and stays open until the beat has passed."""

    def __init__(self, waits: Sequence[int]) -> None:
        self.waits = iter(waits)
        self.left = next(self.waits)

    @property
    def open(self) -> bool:
        return self.left == 0

    def step(self, passed: bool) -> None:
        """To the next cycle."""
        self.left = next(self.waits, 0) if passed else max(self.left - 1, 0)


class RestlessGate(Gate):
    """Opens and closes as it likes."""

    def __init__(self, odds: float) -> None:
        self.random = random.Random(20260)
        self.odds = odds
        self.step(False)

    def step(self, passed: bool) -> None:
        self.left = int(self.random.random() < self.odds)


def check(
    unit: Any, sent: Sequence[Sequence[int]], expected: Sequence[Sequence[int]], pauses: Pauses
) -> None:
    """Stream images through a unit; compare what comes and in which cycles with the timing model.

    Only where the sink is restless are the cycles left open.
    """
    rng = np.random.default_rng(20261)
    waits_in = _waits(rng, pauses.idle, sum(map(len, sent)))
    waits_out = _waits(rng, pauses.busy, sum(map(len, expected)))
    inner = getattr(unit, "circuit", None) or timing.Circuit.chain(unit.timing)
    parts = inner.between([_paused(waits_in)], [_paused(waits_out)])
    predicted = timing.run(parts, len(sent[0]), len(expected[0]), len(sent))

    sink = RestlessGate(pauses.busy) if pauses.restless else Gate(waits_out)
    limit = 3 * int(predicted.completed[-1]) + 200
    flow = stream(unit, list(chain(*sent)), Gate(waits_in), sink, limit)
    _compare("beat", flow.given, list(chain(*expected)))
    if not pauses.restless:
        completed = flow.given_at[len(expected[0]) - 1 :: len(expected[0])]
        _compare("first cycle", flow.taken_at[:: len(sent[0])], predicted.first_taken.tolist())
        _compare("last cycle", completed, predicted.completed.tolist())


def _waits(rng: np.random.Generator, odds: float, count: int) -> list[int]:
    return (rng.geometric(1 - odds, count) - 1).tolist()


def _paused(waits: list[int]) -> timing.Step:
    return timing.Step(np.array(list(chain(*([0] * wait + [TAKE | GIVE] for wait in waits)))))


def _compare(what: str, found: list[int], expected: list[int]) -> None:
    assert found == expected, next(
        f"{what} {index} is {one}, not {other}"
        for index, (one, other) in enumerate(zip_longest(found, expected))
        if one != other
    )


def stream(unit: Any, sent: Sequence[int], source: Gate, sink: Gate, limit: int) -> Flow:
    """Send beats until all are taken and no more are given, within `limit` cycles."""
    flow = Flow()
    noise = random.Random(20262)

    async def bench(ctx: Any) -> None:
        waiting, quiet = None, 0
        for cycle in range(limit):
            left = sent[len(flow.taken_at) :][:1]
            offering = bool(left) and source.open
            ctx.set(unit.i.valid, offering)
            ctx.set(unit.i.payload, left[0] if offering else noise.getrandbits(len(unit.i.payload)))
            ctx.set(unit.o.ready, not sink.open)
            offer = _offer(ctx, unit)
            ctx.set(unit.o.ready, sink.open)
            assert _offer(ctx, unit) == offer, f"cycle {cycle}: the offer depends on ready"
            assert waiting in (None, offer), f"cycle {cycle}: {waiting} was offered, now {offer}"
            waiting = None if sink.open else offer

            _, _, ready = await ctx.tick().sample(unit.i.ready)
            if offering and ready:
                flow.taken_at.append(cycle)
            if offer is not None and sink.open:
                flow.given.append(offer)
                flow.given_at.append(cycle)
            source.step(offering and bool(ready))
            sink.step(offer is not None and sink.open)
            quiet = 0 if left or offer is not None else quiet + 1
            if quiet == QUIET:
                return
        raise AssertionError(
            f"{len(flow.taken_at)} of {len(sent)} beats taken and {len(flow.given)} given "
            f"in {limit} cycles"
        )

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return flow


def _offer(ctx: Any, unit: Any) -> int | None:
    return ctx.get(unit.o.payload) if ctx.get(unit.o.valid) else None
