"""Yosys' cells of whole words, as gates."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bitlight import SimulationError
from bitlight_sim.sliced.gates import ONE, ZERO, Gates, Word

Bits = Sequence[int | str]


class Design(Protocol):
    """What a cell is part of."""

    gates: Gates
    cells: dict[str, Any]
    driver: dict[int | str, str]
    uses: Counter[int | str]

    def word(self, bits: Bits) -> tuple[int, ...]:
        """Numbers of the nets that drive these bits, lowest bit first."""


class Cell:
    """A cell without memory; its output is the port Y.

    Raises
    ------
    SimulationError
        If its type is not known.
    """

    def __init__(self, cell: dict[str, Any], design: Design) -> None:
        self.design = design
        self.gates = design.gates
        self.type: str = cell["type"]
        self.ports: dict[str, list[int | str]] = cell["connections"]
        self.parameters = cell["parameters"]
        self.width = len(self.ports["Y"])

    def output(self) -> list[int]:
        """Numbers of the nets of the output Y, lowest bit first."""
        if self.type in SUMS:
            return self.gates.add(self.addends(), self.width)
        if self.type not in WORDS and self.type not in TRUTHS:
            raise SimulationError(f"cells of type {self.type} cannot be taken bit by bit")
        if self.type in TRUTHS:
            return [TRUTHS[self.type](self), *[ZERO] * (self.width - 1)]
        return WORDS[self.type](self)

    def nets(self, port: str) -> tuple[int, ...]:
        """An operand as it is."""
        return self.design.word(self.ports[port])

    def wide(self, port: str, width: int | None = None) -> list[int]:
        """An operand, by its sign, as wide as the output or as `width`; 0 if it has no bits."""
        nets = self.nets(port)
        width = self.width if width is None else width
        filler = nets[-1] if nets and self.signed(port) else ZERO
        return [*nets[:width], *[filler] * (width - len(nets))]

    def signed(self, port: str) -> bool:
        """Whether an operand has a sign."""
        return bool(self.parameters.get(f"{port}_SIGNED"))

    def pair(self) -> tuple[list[int], list[int]]:
        """Both operands of a comparison, equally wide."""
        width = max(len(self.ports["A"]), len(self.ports["B"]))
        return self.wide("A", width), self.wide("B", width)

    def addends(self) -> list[Word]:
        """What the output of a sum is the sum of: sums that nothing else uses are taken apart."""
        if self.type == "$mul":
            return self._products()
        found: list[Word] = [] if self.type == "$neg" else self._apart("A")
        if self.type == "$add":
            return found + self._apart("B")
        inverted = [self.gates.inverse(net) for net in self.wide("A" if not found else "B")]
        return [*found, inverted, [ONE]]

    def _products(self) -> list[Word]:
        """The rows of a product, by Baugh and Wooley (1973) where its operands have signs.

        The highest digit of each weighs −2^(n−1). Products of one such digit count as their
        inverses, with what that adds put right by a constant, so that no row is extended.
        """
        a, b = self.nets("A"), self.nets("B")
        has_sign = self.signed("A")
        highest_a, highest_b = (len(a) - 1, len(b) - 1) if has_sign else (-1, -1)

        def product(i: int, j: int) -> int:
            both = self.gates.both(a[i], b[j])
            return self.gates.inverse(both) if (i == highest_a) != (j == highest_b) else both

        rows: list[Word] = [
            [*[ZERO] * j, *(product(i, j) for i in range(len(a)))][: self.width]
            for j in range(len(b))
        ]
        if has_sign:
            constant = (1 << highest_a) + (1 << highest_b) - (1 << (len(a) + len(b) - 1))
            rows.append([constant >> place & 1 for place in range(self.width)])
        return rows

    def _apart(self, port: str) -> list[Word]:
        bits = self.ports[port]
        inner = self.design.cells.get(self.design.driver.get(bits[0], "")) if bits else None
        if (
            inner is not None
            and inner["type"] == "$add"
            and inner["connections"]["Y"] == bits
            and all(self.design.uses[bit] == 1 for bit in bits)
            and not self.signed(port)
        ):
            words = Cell(inner, self.design).addends()
            if len(bits) >= self.width or sum(2 ** len(word) - 1 for word in words) < 2 ** len(
                bits
            ):
                return words
        return [self.wide(port)]


def _bitwise(operation: Callable[[Gates, int, int], int]) -> Callable[[Cell], list[int]]:
    return lambda cell: [
        operation(cell.gates, a, b) for a, b in zip(cell.wide("A"), cell.wide("B"), strict=True)
    ]


def _equal(cell: Cell) -> int:
    return cell.gates.inverse(
        cell.gates.any([cell.gates.differ(a, b) for a, b in zip(*cell.pair(), strict=True)])
    )


def _not_less(cell: Cell, swapped: bool) -> int:
    a, b = cell.pair()
    if cell.signed("A"):  # with the sign turned over, the order is that without signs
        a[-1], b[-1] = cell.gates.inverse(a[-1]), cell.gates.inverse(b[-1])
    return cell.gates.not_less(b, a) if swapped else cell.gates.not_less(a, b)


def _choose(cell: Cell) -> list[int]:
    """$mux, and $pmux, whose selects are at most one at a time."""
    found = list(cell.nets("A"))
    words = cell.nets("B")
    for index, select in enumerate(cell.nets("S")):
        word = words[index * cell.width : (index + 1) * cell.width]
        found = [cell.gates.choose(select, a, b) for a, b in zip(found, word, strict=True)]
    return found


def _shift_right(cell: Cell) -> list[int]:
    if cell.signed("B"):
        raise SimulationError(f"a {cell.type} in both directions cannot be taken bit by bit")
    word = cell.wide("A", max(len(cell.ports["A"]), cell.width))
    for place, select in enumerate(cell.nets("B")):
        far = [*word[1 << place :], *[ZERO] * min(1 << place, len(word))]
        word = [cell.gates.choose(select, a, b) for a, b in zip(word, far, strict=True)]
    return word[: cell.width]


def _shift_left(cell: Cell) -> list[int]:
    word = cell.wide("A")
    for place, select in enumerate(cell.nets("B")):
        far = [*[ZERO] * (1 << place), *word][: len(word)]
        word = [cell.gates.choose(select, a, b) for a, b in zip(word, far, strict=True)]
    return word


SUMS = ("$add", "$sub", "$neg", "$mul")
WORDS: dict[str, Callable[[Cell], list[int]]] = {
    "$pos": lambda cell: cell.wide("A"),
    "$not": lambda cell: [cell.gates.inverse(net) for net in cell.wide("A")],
    "$and": _bitwise(Gates.both),
    "$or": _bitwise(Gates.either),
    "$xor": _bitwise(Gates.differ),
    "$xnor": _bitwise(lambda gates, a, b: gates.inverse(gates.differ(a, b))),
    "$mux": _choose,
    "$pmux": _choose,
    "$shr": _shift_right,
    "$shift": _shift_right,
    "$shiftx": _shift_right,
    "$shl": _shift_left,
}
TRUTHS: dict[str, Callable[[Cell], int]] = {
    "$reduce_and": lambda cell: cell.gates.every(cell.nets("A")),
    "$reduce_or": lambda cell: cell.gates.any(cell.nets("A")),
    "$reduce_bool": lambda cell: cell.gates.any(cell.nets("A")),
    "$reduce_xor": lambda cell: cell.gates.parity(cell.nets("A")),
    "$logic_not": lambda cell: cell.gates.inverse(cell.gates.any(cell.nets("A"))),
    "$logic_and": lambda cell: cell.gates.both(
        cell.gates.any(cell.nets("A")), cell.gates.any(cell.nets("B"))
    ),
    "$logic_or": lambda cell: cell.gates.any([*cell.nets("A"), *cell.nets("B")]),
    "$eq": _equal,
    "$ne": lambda cell: cell.gates.inverse(_equal(cell)),
    "$ge": lambda cell: _not_less(cell, swapped=False),
    "$le": lambda cell: _not_less(cell, swapped=True),
    "$lt": lambda cell: cell.gates.inverse(_not_less(cell, swapped=False)),
    "$gt": lambda cell: cell.gates.inverse(_not_less(cell, swapped=True)),
}
