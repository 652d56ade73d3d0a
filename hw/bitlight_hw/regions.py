"""Parts of a circuit by themselves, amid surroundings that never hold them up.

What such a region cannot do the whole circuit cannot do either: there, its beats come no sooner and
are taken no sooner. A region of a few parts is stepped much sooner than a circuit of hundreds, so
that most of what a ring or queue is too small for is shown by its neighbourhood alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from bitlight import SimulationError
from bitlight_hw.timing import (
    Buffer,
    Circuit,
    Delay,
    Merge,
    Part,
    Queue,
    Split,
    Step,
    run,
)

# Cycles of an image times parts, from which on stepping a circuit takes longer than looking around.
WORTH = 100_000
# Images in which a region must have settled, or it shows nothing.
SETTLED = 12

# What regions have shown, by what they are made of: those of a network's blocks are often alike.
Known = dict[tuple[Any, ...], bool]


def pay(interval: int, parts: int) -> bool:
    """Whether a circuit is so large that its regions are found and stepped much sooner."""
    return interval * parts >= WORTH


class Regions:
    """The neighbourhoods of a circuit's rings and queues.

    Parameters
    ----------
    circuit : Circuit
    beats_in : int, of an image
    interval : int
        Cycles per image that are to be kept.
    known : dict, optional
        What was shown before, of this and other circuits.
    """

    def __init__(
        self, circuit: Circuit, beats_in: int, interval: int, known: Known | None = None
    ) -> None:
        self._circuit = circuit
        self._beats_in = beats_in
        self._interval = interval
        self._known: Known = {} if known is None else known
        self._giver = {n: place for place, gives in enumerate(circuit.gives) for n in gives}
        self._taker = {n: place for place, takes in enumerate(circuit.takes) for n in takes}

    def near(self, places: Iterable[int]) -> frozenset[int]:
        """These parts, and those around them, up to the next rings."""
        return self._grown(frozenset(places))

    def too_small(self, region: frozenset[int], depths: dict[int, int]) -> bool:
        """Whether the region shows that with these depths of its rings the interval is not kept.

        Parameters
        ----------
        region : parts of the circuit
        depths : dict from the place of a ring to its depth; others are as they are
        """
        places = sorted(region)
        here = {place: depths[place] for place in region & depths.keys()}
        sized = self._circuit.with_depths(here)
        parts = [sized.parts[place] for place in places]
        key = (self._interval, *self._form(places, parts))
        if key not in self._known:
            self._known[key] = self._is_slower(places, parts)
        return self._known[key]

    def _is_slower(self, places: Sequence[int], parts: list[Part]) -> bool:
        takes = [self._circuit.takes[place] for place in places]
        gives = [self._circuit.gives[place] for place in places]
        given, taken = {n for some in gives for n in some}, {n for some in takes for n in some}
        sources, sinks = sorted(taken - given), sorted(given - taken)
        if not sources or not sinks:
            return False
        part = Circuit(parts, takes, gives, sinks[-1], tuple(sources), tuple(sinks[:-1]))
        counts = self._beats[sources[0]], self._beats[sinks[-1]]
        try:
            trace = run(part, *counts, at_most=SETTLED)
        except SimulationError:  # it stands still
            return True
        return len(trace.completed) < SETTLED and trace.interval > self._interval

    def _form(self, places: Sequence[int], parts: Sequence[Part]) -> Iterator[Any]:
        """What a region is made of, whatever its streams are called."""
        number: dict[int, int] = {}
        for place, part in zip(places, parts, strict=True):
            yield _form(part)
            for streams in (self._circuit.takes[place], self._circuit.gives[place]):
                yield tuple(number.setdefault(n, len(number)) for n in streams)
        for n in number:
            yield self._beats[n] if n not in self._giver or n not in self._taker else 0

    def _grown(self, inner: frozenset[int]) -> frozenset[int]:
        found, waiting = set(inner), [*inner]
        while waiting:
            place = waiting.pop()
            beside = [self._giver.get(n) for n in self._circuit.takes[place]]
            beside += [self._taker.get(n) for n in self._circuit.gives[place]]
            for other in beside:
                if other is None or other in found:
                    continue
                if not isinstance(self._circuit.parts[other], Buffer):
                    found.add(other)
                    waiting.append(other)
        return frozenset(found)

    @cached_property
    def _beats(self) -> dict[int, int]:
        """Beats per image of every stream."""
        return self._circuit.beats(self._beats_in)


def _form(part: Part) -> tuple[Any, ...]:
    match part:
        case Step():
            return "step", part.actions.tobytes()
        case Delay():
            return "delay", part.stages
        case Queue():
            return "queue", part.depth, part.latency
        case Buffer():
            tables = part.offsets.tobytes(), part.releases.tobytes()
            return "ring", part.depth, part.repeats, *tables
        case Merge():
            return "merge", part.takes.tobytes()
        case Split():
            return ("split",)
