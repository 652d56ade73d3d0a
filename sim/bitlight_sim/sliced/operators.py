"""Amaranth's cells of whole words, as gates."""

from collections.abc import Callable, Sequence
from typing import Any

from amaranth.hdl import _nir

from bitlight import SimulationError
from bitlight_sim.sliced.gates import ONE, ZERO, Gates, Word

# Of an operand: the nets that drive it, lowest bit first.
Operands = Sequence[Word]


def lower(gates: Gates, cell: Any, operands: Operands) -> list[int]:
    """The output of a cell without memory, lowest bit first, from `inputs(cell)`.

    Sums are not among them: see `total`.

    Raises
    ------
    SimulationError
        If the cell's kind is not known.
    """
    if isinstance(cell, _nir.Operator):
        if cell.operator not in OPERATORS:
            raise SimulationError(f"an operator {cell.operator} cannot be taken bit by bit")
        return OPERATORS[cell.operator](gates, *operands)
    if isinstance(cell, _nir.Part):
        return _part(gates, cell, *operands)
    if isinstance(cell, _nir.Matches):
        return [gates.any([_match(gates, pattern, *operands) for pattern in cell.patterns])]
    raise SimulationError(f"cells of kind {type(cell).__name__} cannot be taken bit by bit")


def inputs(cell: Any) -> list[Any]:
    """The operands of such a cell."""
    if isinstance(cell, _nir.Operator):
        return list(cell.inputs)
    return [cell.value, cell.offset] if isinstance(cell, _nir.Part) else [cell.value]


def total(gates: Gates, words: Sequence[Word], width: int) -> list[int]:
    """Sum of words, modulo 2^width; digits that it cannot reach are 0."""
    most = sum((1 << len(word)) - 1 for word in words)
    digits = min(width, most.bit_length())
    return [*gates.add(words, digits), *[ZERO] * (width - digits)]


def trimmed(word: Word) -> Word:
    """A word without the zeros at its top."""
    length = len(word)
    while length and word[length - 1] == ZERO:
        length -= 1
    return word[:length]


def first(gates: Gates, enable: int, choices: Word, apart: bool) -> list[int]:
    """Which of the choices is the first that is 1, if it is enabled.

    Parameters
    ----------
    apart : bool
        Whether at most one of them is, but for one that always is and comes last.
    """
    found, before = [], ZERO
    for choice in choices:
        alone = choice if apart and choice != ONE else gates.both(choice, gates.inverse(before))
        found.append(gates.both(enable, alone))
        before = gates.either(before, choice)
    return found


def _match(gates: Gates, pattern: str, word: Word) -> int:
    """Whether a word is as a pattern of 0, 1 and - says, highest bit first."""
    wanted = [
        net if digit == "1" else gates.inverse(net)
        for net, digit in zip(word, reversed(pattern), strict=True)
        if digit != "-"
    ]
    return gates.every(wanted)


def _shortened(word: Word) -> tuple[Word, Word]:
    """The word without repetitions of its top bit, as it has a sign, and without zeros there."""
    length = len(word)
    while length > 1 and word[length - 1] == word[length - 2]:
        length -= 1
    return word[:length], trimmed(word)


def _multiplied(gates: Gates, a: Word, b: Word) -> list[int]:
    """The product of two operands that are as wide as it, by Baugh and Wooley (1973).

    Where they have signs, the highest digit of each weighs −2^(n−1). Products of one such digit
    count as their inverses, with what that adds put right by a constant, so that no row is
    extended.
    """
    width = len(a)
    (signed_a, plain_a), (signed_b, plain_b) = _shortened(a), _shortened(b)
    has_sign = len(plain_a) == width or len(plain_b) == width
    a, b = (signed_a, signed_b) if has_sign else (plain_a, plain_b)
    highest_a, highest_b = (len(a) - 1, len(b) - 1) if has_sign else (-1, -1)

    def product(i: int, j: int) -> int:
        both = gates.both(a[i], b[j])
        return gates.inverse(both) if (i == highest_a) != (j == highest_b) else both

    rows: list[Word] = [
        [*[ZERO] * j, *(product(i, j) for i in range(len(a)))][:width] for j in range(len(b))
    ]
    if has_sign:
        constant = (1 << highest_a) + (1 << highest_b) - (1 << (len(a) + len(b) - 1))
        rows.append([constant >> place & 1 for place in range(width)])
    return gates.add(rows, width)


def _part(gates: Gates, cell: Any, value: Word, offset: Word) -> list[int]:
    """So many bits of a word, from offset·stride on."""
    filler = value[-1] if cell.value_signed and value else ZERO
    stride = cell.stride
    rows = [[*[ZERO] * n, *offset] for n in range(stride.bit_length()) if stride >> n & 1]
    place = gates.add(rows, len(offset) + stride.bit_length())
    wide = [*value, *[filler] * (cell.width - len(value))]
    return _right(gates, wide, place, filler)[: cell.width]


def _right(gates: Gates, word: Word, offset: Word, filler: int) -> list[int]:
    found = list(word)
    for place, select in enumerate(offset):
        if select != ZERO:
            step = min(1 << place, len(found))
            far = [*found[step:], *[filler] * step]
            found = [gates.choose(select, a, b) for a, b in zip(found, far, strict=True)]
    return found


def _left(gates: Gates, word: Word, offset: Word) -> list[int]:
    return _right(gates, word[::-1], offset, ZERO)[::-1]


def _bitwise(
    operation: Callable[[Gates, int, int], int],
) -> Callable[[Gates, Word, Word], list[int]]:
    return lambda gates, left, right: [
        operation(gates, a, b) for a, b in zip(left, right, strict=True)
    ]


def _differ(gates: Gates, a: Word, b: Word) -> int:
    return gates.any([gates.differ(left, right) for left, right in zip(a, b, strict=True)])


def _turned(gates: Gates, word: Word) -> Word:
    """With the sign turned over: then the order is that without signs."""
    return [*word[:-1], gates.inverse(word[-1])]


def _signed(
    operation: Callable[[Gates, Word, Word], list[int]],
) -> Callable[[Gates, Word, Word], list[int]]:
    return lambda gates, a, b: operation(gates, _turned(gates, a), _turned(gates, b))


ORDERS: dict[str, Callable[[Gates, Word, Word], list[int]]] = {
    ">=": lambda gates, a, b: [gates.not_less(a, b)],
    "<=": lambda gates, a, b: [gates.not_less(b, a)],
    "<": lambda gates, a, b: [gates.inverse(gates.not_less(a, b))],
    ">": lambda gates, a, b: [gates.inverse(gates.not_less(b, a))],
}
OPERATORS: dict[str, Callable[..., list[int]]] = {
    "~": lambda gates, a: [gates.inverse(net) for net in a],
    "b": lambda gates, a: [gates.any(a)],
    "r|": lambda gates, a: [gates.any(a)],
    "r&": lambda gates, a: [gates.every(a)],
    "r^": lambda gates, a: [gates.parity(a)],
    "&": _bitwise(Gates.both),
    "|": _bitwise(Gates.either),
    "^": _bitwise(Gates.differ),
    "*": _multiplied,
    "==": lambda gates, a, b: [gates.inverse(_differ(gates, a, b))],
    "!=": lambda gates, a, b: [_differ(gates, a, b)],
    "<<": _left,
    "u>>": lambda gates, a, b: _right(gates, a, b, ZERO),
    "s>>": lambda gates, a, b: _right(gates, a, b, a[-1]),
    "m": lambda gates, s, one, zero: [
        gates.choose(s[0], b, a) for a, b in zip(one, zero, strict=True)
    ],
    **{f"u{name}": order for name, order in ORDERS.items()},
    **{f"s{name}": _signed(order) for name, order in ORDERS.items()},
}
