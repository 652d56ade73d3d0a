"""What a pipeline is made of: units, the streams between them, and the beats of an image."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bitlight.network.values import Levels, Value
from bitlight_hw import timing
from bitlight_hw.units import Unit


@dataclass(frozen=True)
class Beats:
    """How an image, or what became of it, is cut into the beats of a stream.

    Parameters
    ----------
    shape : (H, W, C) or (n,); the elements stream in C order
    elements : int, in one beat, the first in the lowest bits
    bits : int, of one element
    signed : bool
    top : int or None
        The highest level, where elements are levels.
    """

    shape: tuple[int, ...]
    elements: int
    bits: int
    signed: bool = False
    top: int | None = None

    @staticmethod
    def of(value: Value, elements: int) -> "Beats":
        """So many elements of a value that travels between layers."""
        kind = value.kind
        if isinstance(kind, Levels):
            return Beats(value.shape, elements, kind.bits, top=kind.top)
        return Beats(value.shape, elements, kind.bits, signed=True)

    @property
    def count(self) -> int:
        """Beats of one image."""
        return int(np.prod(self.shape)) // self.elements

    @property
    def width(self) -> int:
        """Bits of one beat."""
        return self.elements * self.bits

    @property
    def inner(self) -> int:
        """Beats of one pixel."""
        return self.shape[-1] // self.elements

    def as_bits(self) -> "Beats":
        """The same beats with each bit as an element."""
        return Beats((int(np.prod(self.shape)) * self.bits,), self.width, 1)


@dataclass(frozen=True)
class Stage:
    """A unit, and the streams that it takes and gives, by their numbers; 0 is the source's.

    Attributes
    ----------
    name : str
    unit : Unit
    beats : Beats, of each stream that it gives
    takes, gives : tuple of int
    node : str, what it belongs to: a node of the network, or "optics"
    spare : bool
        Whether it is a queue that is there only in case the interval needs it.
    """

    name: str
    unit: Unit
    beats: Beats
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    node: str = ""
    spare: bool = False

    @property
    def links(self) -> dict[int, str]:
        """What each stream that it gives is called."""
        if len(self.gives) == 1:
            return {self.gives[0]: self.name}
        return {stream: f"{self.name}_{way}" for way, stream in enumerate(self.gives)}


def without(stages: Sequence[Stage], spare: Stage) -> list[Stage]:
    """The stages without a queue: what took from it takes what it took."""
    ((taken,), (given,)) = spare.takes, spare.gives

    def behind(stage: Stage) -> Stage:
        return replace(stage, takes=tuple(taken if n == given else n for n in stage.takes))

    return [
        behind(stage) if given in stage.takes else stage for stage in stages if stage is not spare
    ]


def circuit(stages: Sequence[Stage]) -> timing.Circuit:
    """The timing of stages; the stream that nobody takes is the output.

    A unit that has several parts has streams of its own between them.
    """
    number = itertools.count(1 + max((n for stage in stages for n in stage.gives), default=0))
    parts: list[timing.Part] = []
    takes: list[tuple[int, ...]] = []
    gives: list[tuple[int, ...]] = []
    for stage in stages:
        own = stage.unit.timing
        inner = [(next(number),) for _ in own[1:]]
        parts += own
        takes += [stage.takes, *inner]
        gives += [*inner, stage.gives]
    return timing.Circuit(parts, takes, gives, output(stages))


def output(stages: Sequence[Stage]) -> int:
    """The stream that nobody takes."""
    given = {0, *(n for stage in stages for n in stage.gives)}
    (last,) = given - {n for stage in stages for n in stage.takes}
    return last
