"""Nets of one bit and the gates between them, built up with what is constant or equal left out."""

from collections.abc import Sequence
from typing import Literal

Kind = Literal["leaf", "not", "and", "or", "xor", "mux", "xor3", "maj"]
Word = Sequence[int]
ZERO, ONE = 0, 1


class Gates:
    """A growing list of gates; a net is the index of the gate that drives it.

    The first two nets are the constants 0 and 1. A gate's inputs stand before it.

    Attributes
    ----------
    kinds : list of Kind
    inputs : list of tuples of nets
    """

    def __init__(self) -> None:
        self.kinds: list[Kind] = ["leaf", "leaf"]
        self.inputs: list[tuple[int, ...]] = [(), ()]
        self._known: dict[tuple[Kind, tuple[int, ...]], int] = {}

    def leaf(self) -> int:
        """A net that something else drives: a port, a register, a memory."""
        return self._append("leaf", ())

    def _append(self, kind: Kind, inputs: tuple[int, ...]) -> int:
        self.kinds.append(kind)
        self.inputs.append(inputs)
        return len(self.kinds) - 1

    def _gate(self, kind: Kind, *inputs: int) -> int:
        key = kind, inputs
        if key not in self._known:
            self._known[key] = self._append(kind, inputs)
        return self._known[key]

    def inverse(self, a: int) -> int:
        """NOT a."""
        if a <= ONE:
            return ONE - a
        return self.inputs[a][0] if self.kinds[a] == "not" else self._gate("not", a)

    def both(self, a: int, b: int) -> int:
        """a AND b."""
        a, b = sorted((a, b))
        if a in (ZERO, b):
            return a
        return b if a == ONE else self._gate("and", a, b)

    def either(self, a: int, b: int) -> int:
        """a OR b."""
        a, b = sorted((a, b))
        if a in (ONE, b):
            return a
        return b if a == ZERO else self._gate("or", a, b)

    def differ(self, a: int, b: int) -> int:
        """a XOR b."""
        a, b = sorted((a, b))
        if a == b:
            return ZERO
        if a <= ONE:
            return self.inverse(b) if a == ONE else b
        return self._gate("xor", a, b)

    def choose(self, select: int, zero: int, one: int) -> int:
        """`one` where select is 1, else `zero`."""
        if select <= ONE or zero == one:
            return one if select == ONE else zero
        if zero > ONE and one > ONE:
            return self._gate("mux", select, zero, one)
        if one <= ONE and zero <= ONE:
            return select if one == ONE else self.inverse(select)
        if one <= ONE:
            select, zero, one = self.inverse(select), one, zero
        combine = self.both if zero == ZERO else self._unless
        return combine(select, one)

    def _unless(self, select: int, one: int) -> int:
        """1 where select is 0."""
        return self.either(self.inverse(select), one)

    def add_three(self, a: int, b: int, c: int) -> tuple[int, int]:
        """Sum and carry of a full adder; of a half adder where one input is constant."""
        a, b, c = sorted((a, b, c))
        if a == ZERO:
            return self.differ(b, c), self.both(b, c)
        if a == ONE:
            return self.inverse(self.differ(b, c)), self.either(b, c)
        if a == b:
            return c, a
        if b == c:
            return a, b
        return self._gate("xor3", a, b, c), self._gate("maj", a, b, c)

    def any(self, word: Word) -> int:
        """Whether a bit is 1."""
        found = ZERO
        for bit in word:
            found = self.either(found, bit)
        return found

    def every(self, word: Word) -> int:
        """Whether all bits are 1."""
        return self.inverse(self.any([self.inverse(bit) for bit in word]))

    def parity(self, word: Word) -> int:
        """XOR of all bits."""
        found = ZERO
        for bit in word:
            found = self.differ(found, bit)
        return found

    def add(self, words: Sequence[Word], width: int) -> list[int]:
        """Sum of any number of words, modulo 2^width: full adders, column by column."""
        columns: list[list[int]] = [[] for _ in range(width + 1)]
        for word in words:
            for column, bit in zip(columns[:width], word, strict=False):
                column.append(bit)
        total = []
        for place in range(width):
            column = [bit for bit in columns[place] if bit != ZERO]
            while len(column) > 1:
                a, b, *column = column
                c = column.pop(0) if column else ZERO
                here, carry = self.add_three(a, b, c)
                column.append(here)
                columns[place + 1].append(carry)
            total += column or [ZERO]
        return total

    def not_less(self, a: Word, b: Word) -> int:
        """a ≥ b of two words of one width, without signs: the carry of a + NOT b + 1."""
        carry = ONE
        for left, right in zip(a, b, strict=True):
            carry = self.add_three(left, self.inverse(right), carry)[1]
        return carry
