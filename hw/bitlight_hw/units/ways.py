"""By how much a ring moves on behind each of its words."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from amaranth import Cat, Const, Module, Mux, Shape, Signal, Value

from bitlight_hw import area
from bitlight_hw.units.unit import turn

Loop = tuple[str, int, int, int]


@dataclass(frozen=True)
class Chosen:
    """What the word that is due moves if it is given.

    Attributes
    ----------
    on : the next word's distance from this one, less one
    freed : words that are free behind it, negative
    by, beyond : how far its place moves, and the same less the ring's depth
    """

    on: Value
    freed: Value
    by: Value
    beyond: Value


@dataclass(frozen=True)
class Ways:
    """The ways on from a word: to the next of the innermost loop, of one around it, of an image.

    By how much the next word will move is found out while the one before it is given, and kept in
    registers: every bit that differs from way to way once.

    Parameters
    ----------
    loops : list of (name, size, step, words freed), innermost first, each of two turns or more
    last : (step, words freed) behind the last word of an image
    depth : int, words in the ring
    places : bool, whether places move so, too
    """

    loops: list[Loop]
    last: tuple[int, int]
    depth: int
    places: bool = True

    def without_places(self) -> "Ways":
        """The two distances alone."""
        return replace(self, places=False)

    @cached_property
    def _moves(self) -> np.ndarray:
        """(ways, 2), steps and words freed; outer loops that change nothing are no ways."""
        moves = [[step, freed] for _, _, step, freed in self.loops] + [[*self.last]]
        while len(moves) > 1 and moves[-2] == moves[-1]:
            moves.pop()
        return np.array(moves)

    @property
    def sizes(self) -> list[int]:
        """Of the loops that are counted."""
        return [size for _, size, *_ in self.loops][: len(self._moves) - 1]

    @property
    def whole(self) -> bool:
        """Whether places wrap by themselves."""
        return self.depth & (self.depth - 1) == 0

    @property
    def in_turn(self) -> bool:
        """Whether words are given in the order in which they lie."""
        return bool((self._moves[:, 0] == 1).all())

    @property
    def due(self) -> Shape:
        """Of the distance from what is filled to the word that is due."""
        return Shape.cast(range(-self.depth, max(int(self._moves[:, 0].max()), 1)))

    @property
    def room(self) -> Shape:
        """Of that from a full ring to what is filled; less where freed words have not come."""
        steps, freed = self._moves.T
        skipped = max(int(steps[freed > 0].max()) - 1, 0)
        return Shape.cast(range(-self.depth - skipped, 1))

    @cached_property
    def _bits(self) -> tuple[np.ndarray, list[int]]:
        """(ways, bits) of all that is chosen, side by side, and where each of it begins."""
        steps, freed = self._moves.T
        place = area.bits(self.depth) if self.places and not self.in_turn else 0
        beyond = 0 if self.whole or not place else place + 1
        by = steps % self.depth
        chosen = [
            (steps - 1, self.due.width),
            (-freed, self.room.width),
            (by, place),
            (by - self.depth, beyond),
        ]
        bits = [number[:, None] >> np.arange(width) & 1 for number, width in chosen]
        return np.hstack(bits), [0, *np.cumsum([width for _, width in chosen]).tolist()]

    @cached_property
    def _kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """Different columns of these bits, and which of them each is."""
        columns, kinds = np.unique(self._bits[0], axis=1, return_inverse=True)
        return columns, kinds.ravel()

    @property
    def picks(self) -> int:
        """Different bits; one that never changes is none."""
        columns, _ = self._kinds
        return int((columns != columns[0]).any(axis=0).sum())

    def choose(self, m: Module, given: Value) -> Chosen:
        """Count through the loops, a turn of the innermost one for each word that is given."""
        columns, kinds = self._kinds
        words = [Const(_number(column), len(column)) for column in columns]
        way = Signal(len(words[0]), name="way", init=_number(columns[0]))
        lasts: list[Value] = []
        ahead: Value = Const(0, 1)
        step = given
        for (name, *_), size in zip(self.loops, self.sizes, strict=False):
            count, last = turn(m, step, size, name)
            # While the innermost loop has not ended, those around it stay where they are: so it is
            # known a word ahead which of them end with it.
            ahead = ahead & last if lasts else count == size - 2
            ended = Signal(name=f"{name}_ended")
            with m.If(given):
                m.d.sync += ended.eq(ahead)
            step = given & ended
            lasts.append(last if lasts else ahead)
        following = words[-1]
        for last, word in reversed([*zip(lasts, words, strict=False)]):
            following = Mux(last, following, word)
        with m.If(given):
            m.d.sync += way.eq(following)
        places = self._bits[1]
        every = Cat(way[kind] for kind in kinds.tolist())
        on, freed, by, beyond = (every[start:end] for start, end in pairwise(places))
        return Chosen(on, freed, by, beyond)


def _number(bits: np.ndarray) -> int:
    return int(sum(int(bit) << place for place, bit in enumerate(bits)))
