"""A netlist as C++: nets that differ between images are vectors, all others single words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bitlight import bits
from bitlight_sim.sliced.gates import ONE, ZERO
from bitlight_sim.sliced.netlist import Move, Netlist
from bitlight_sim.sliced.schedule import Turn, is_write, schedule, split, varying

STATEMENTS = 150  # of one function: more take the compiler longer, and are no faster
SLOTS = 8  # numbers of 64 bits in the largest vector
FUNCTIONS = 16  # of one file: files are compiled side by side
FORMS = {
    "not": "~{}",
    "and": "{} & {}",
    "or": "{} | {}",
    "xor": "{} ^ {}",
    "mux": "mux({}, {}, {})",
    "xor3": "xor3({}, {}, {})",
    "maj": "maj({}, {}, {})",
}


@dataclass(frozen=True)
class Source:
    """A netlist as C++.

    Attributes
    ----------
    declared : str
        What all files include: ports, where nets are, and names of functions.
    files : list of str
    rows : bytes
        The read-only memories one after the other.
    counters : dict of net to int
        Where what is counted of a net stands among all counters.
    """

    declared: str
    files: list[str]
    rows: bytes
    counters: dict[int, int]


def write(netlist: Netlist, counted: bool = False) -> Source:
    """C++ for the harness to include.

    A vector is a local of the function that computes it, or `V[n]`: a register, or used elsewhere.
    A word, all ones or all zeros, is a local of `settle`, or `W[n]`. Memories of vectors are in M.

    Parameters
    ----------
    netlist : Netlist
        With the ports of a stream design: rst, i__valid, i__payload, o__ready, and i__ready,
        o__valid, o__payload. Only the payload may differ between images.
    counted : bool
        Whether the nets of its signals are to be had in each cycle, for `counters.hpp`.
    """
    writer = _Writer(netlist, counted)
    functions = dict(writer.functions_of_c())
    names = [*functions]
    cuts = [names[n : n + FUNCTIONS] for n in range(0, len(names), FUNCTIONS)]
    arrays = [f"{array};" for array in writer.arrays()]
    files = [
        "\n".join(
            ['#include "model.hpp"', *(arrays if n == 0 else ()), *(functions[m] for m in cut)]
        )
        for n, cut in enumerate(cuts)
    ]
    declared = [*(f"extern {array}" for array in arrays), *writer.ports()]
    declared += [f"void {name}();" for name in names]
    if counted:
        declared += [*writer.groups(), "void keep(unsigned group);", "void tally(unsigned group);"]
    texts = [f"{file}\n" for file in files]
    return Source("\n".join(declared) + "\n", texts, writer.rows, writer.counters())


class _Writer:
    def __init__(self, netlist: Netlist, counted: bool) -> None:
        self.netlist = netlist
        seen = {net for signal in netlist.signals for net in signal.nets} if counted else set()
        if counted:
            seen |= {move.enable for move in netlist.moves if move.memory is not None}
        self.seen = sorted(net for net in seen if net > ONE)
        self.kinds, self.inputs = netlist.gates.kinds, netlist.gates.inputs
        self.vectors = varying(netlist, netlist.inputs["i__payload"])
        halves = [split(move, self.vectors) for move in netlist.moves]
        self.moves = [move for _, move in halves if move]  # of words
        between = [net for net in self.seen if net in self.vectors and self.inputs[net]]
        self.looks = [
            Move(tuple(between[n : n + STATEMENTS])) for n in range(0, len(between), STATEMENTS)
        ]
        turns = [move for move, _ in halves if move]
        self.turns = schedule(netlist, [*turns, *self.looks], self.vectors)
        self.output = Move(netlist.outputs["o__payload"])
        self.functions = list(_cut(self.turns))
        changing = [turn.move.q for turn in self.turns if turn.move.q and counted]
        self.numbers = {q: number for number, q in enumerate(changing)}
        self.places: dict[int, int] = {}  # of a net, in V or W
        self.sizes = {True: 0, False: 0}  # of V and of W
        self.registers, self.counted = dict(self.sizes), dict(self.sizes)
        self._place_nets()
        self.kept = {
            id(turn): self._room(True, len(turn.move.d)) for turn in self.turns if turn.late
        }
        self.bases: dict[int | None, int] = {}  # of a memory, in M or in the rows
        self.rows, self.vector_rows = self._place_memories()

    def _room(self, vector: bool, size: int) -> int:
        place = self.sizes[vector]
        self.sizes[vector] += size
        return place

    def _place(self, nets: Sequence[int]) -> None:
        for net in nets:
            if net > ONE and net not in self.places:
                self.places[net] = self._room(net in self.vectors, 1)

    def _place_nets(self) -> None:
        """Registers, ports, and gates that are used elsewhere than where they are computed."""
        moves = [*self.moves, *(turn.move for turn in self.turns)]
        for move in moves:  # a word of a memory lies side by side
            self._place(move.q)
        self.registers = dict(self.sizes)
        self._place(self.seen)
        self.counted = dict(self.sizes)
        for ports in (self.netlist.inputs, self.netlist.outputs):
            for name, nets in ports.items():
                if name != "o__payload":
                    self._place(nets)
        for move in moves:
            self._place((move.enable, move.reset, *move.address))
        for move in self.moves:
            self._place(move.d)
        for turns in (*self.functions, self._output()):
            here = {net for turn in turns for net in turn.gates}
            for turn in turns:
                used = (source for net in turn.gates for source in self.inputs[net])
                self._place([net for net in (*used, *turn.move.d) if net not in here])

    def _output(self) -> list[Turn]:
        """What the output is, computed when it is wanted."""
        return schedule(self.netlist, [self.output], self.vectors)

    def _place_memories(self) -> tuple[bytes, int]:
        of_vectors = {turn.move.memory for turn in self.turns}
        rows, vectors = b"", 0
        for index, words in enumerate(self.netlist.memories):
            if index in of_vectors:
                self.bases[index] = vectors
                vectors += words.size
            else:
                self.bases[index] = len(rows) // 8
                packed = bits.pack(words)
                rows += np.pad(packed, [(0, 0), (0, -packed.shape[1] % 8)]).tobytes()
        return rows, vectors

    def arrays(self) -> Iterator[str]:
        """Everything that is kept from cycle to cycle."""
        yield f"Vector V[{self.sizes[True] + SLOTS}], M[{self.vector_rows + 1}]"
        yield f"Vector O[{len(self.netlist.outputs['o__payload'])}]"
        yield f"Word W[{self.sizes[False] + 1}]"

    def ports(self) -> Iterator[str]:
        """Where ports are, in V or W."""
        for name, nets in (*self.netlist.inputs.items(), *self.netlist.outputs.items()):
            places = ", ".join(str(self.places.get(net, 0)) for net in nets)
            yield f"constexpr unsigned {name}[] = {{{places}}};"

    def groups(self) -> Iterator[str]:
        """Which vectors and words are counted, and which registers change together."""
        names = {"registers": self.registers, "vectors": self.counted}
        yield from (f"constexpr unsigned {name} = {of[True]};" for name, of in names.items())
        names = {"word_registers": self.registers, "all_words": self.counted}
        yield from (f"constexpr unsigned {name} = {of[False]};" for name, of in names.items())
        yield "constexpr struct { unsigned first, count, slot; } groups[] = {"
        slot, most = 0, 0
        for q in self.numbers:
            yield f"  {{{self.places[q[0]]}, {len(q)}, {slot}}},"
            slot, most = slot + -(-len(q) // SLOTS) * SLOTS, max(most, len(q))
        yield "};"
        yield f"constexpr unsigned most = {most}, slots = {slot};"

    def counters(self) -> dict[int, int]:
        """Where each net stands in what `counters.hpp` writes: vectors first, then words."""
        start = {True: 0, False: self.counted[True]}
        return {net: start[net in self.vectors] + self.places[net] for net in self.seen}

    def functions_of_c(self) -> Iterator[tuple[str, str]]:
        """Names and texts."""
        yield _function("start", self._start())
        yield _function("settle", self._settle())
        for n, turns in enumerate(self.functions):
            yield _function(f"part{n}", self._part(turns))
        yield _function("output", self._part(self._output()))
        yield _function("late", self._late())
        yield _function("commit", self._commit())
        calls = [f"part{n}();" for n in range(len(self.functions))]
        yield _function("advance", iter([*calls, "late();", "commit();"]))

    def _start(self) -> Iterator[str]:
        """What is there before the first cycle."""
        for net in sorted(self.netlist.raised & self.places.keys()):
            yield f"{self._at(net)} = {'ones' if net in self.vectors else '~Word(0)'};"
        for turn in self.turns:
            move = turn.move
            if move.memory is not None and not move.d:
                for place in np.flatnonzero(self.netlist.memories[move.memory]):
                    yield f"M[{self.bases[move.memory] + place}] = ones;"

    def _settle(self) -> Iterator[str]:
        """All gates of words."""
        for net, kind in enumerate(self.kinds):
            if kind != "leaf" and net not in self.vectors:
                operands = (self._word(source, True) for source in self.inputs[net])
                yield f"const Word n{net} = {FORMS[kind].format(*operands)};"
                if net in self.places:
                    yield f"W[{self.places[net]}] = n{net};"

    def _part(self, turns: Sequence[Turn]) -> Iterator[str]:
        """Some moves of vectors, with the gates that they need."""
        here: set[int] = set()
        for turn in turns:
            for net in turn.gates:
                operands = (self._vector(source, here) for source in self.inputs[net])
                yield f"const Vector n{net} = {FORMS[self.kinds[net]].format(*operands)};"
                here.add(net)
                if net in self.places:
                    yield f"V[{self.places[net]}] = n{net};"
            values = [self._vector(net, here) for net in turn.move.d]
            if turn.move in self.looks:
                continue
            if turn.late:
                place = self.kept[id(turn)]
                yield from (f"V[{place + n}] = {value};" for n, value in enumerate(values))
            else:
                yield from self._done(turn.move, values, self._conditions(turn.move))

    def _late(self) -> Iterator[str]:
        """Moves that had to wait for others; words are read before they are written."""
        late = [turn for turn in self.turns if turn.late]
        for turn in sorted(late, key=lambda turn: bool(turn.move.d)):
            place = self.kept[id(turn)]
            values = [f"V[{place + n}]" for n in range(len(turn.move.d))]
            yield from self._done(turn.move, values, self._conditions(turn.move))

    def _commit(self) -> Iterator[str]:
        """Moves of words: all that they depend on is taken first."""
        names: list[list[str]] = []
        for index, move in enumerate(self.moves):
            names.append([f"d{index}_{n}" for n in range(len(move.d))])
            for name, net in zip(names[-1], move.d, strict=True):
                yield f"const Word {name} = {self._word(net)};"
            yield f"const Word reset{index} = {self._word(move.reset)};"
            yield f"const Word enable{index} = {self._word(move.enable)};"
            if move.memory is not None:
                yield f"const unsigned row{index} = {self._row(move)};"
        for index, (move, values) in enumerate(zip(self.moves, names, strict=True)):
            conditions = f"reset{index}", f"enable{index}", f"row{index}"
            yield from self._done(move, values, conditions)

    def _conditions(self, move: Move) -> tuple[str, str, str]:
        """Reset, enable and row of a move of vectors, which words wait for."""
        return self._word(move.reset), self._word(move.enable), self._row(move)

    def _row(self, move: Move) -> str:
        """Where in a memory; within it, whatever the address is while nothing is read."""
        if move.memory is None:
            return ""
        depth = len(self.netlist.memories[move.memory])
        bits = [f"({self._word(net)} & {1 << n}u)" for n, net in enumerate(move.address)]
        return f"within({' | '.join(bits)}, {depth})"

    def _done(
        self, move: Move, values: list[str], conditions: tuple[str, str, str]
    ) -> Iterator[str]:
        """The statements of a move, under its conditions."""
        vector = is_write(move) or not self.vectors.isdisjoint(move.d + move.q)
        if move.memory is None and not move.q:
            yield from (f"O[{n}] = {value};" for n, value in enumerate(values))
            return
        reset, enable, _ = conditions
        group = self.numbers.get(move.q) if vector else None
        if group is not None:
            yield f"if ({reset} | {enable}) keep({group});"
        yield from self._changed(move, values, conditions, vector)
        if group is not None:
            yield f"if ({reset} | {enable}) tally({group});"

    def _changed(
        self, move: Move, values: list[str], conditions: tuple[str, str, str], vector: bool
    ) -> Iterator[str]:
        reset, enable, row = conditions
        if move.reset != ZERO:
            constants = ("zeros", "ones") if vector else ("Word(0)", "~Word(0)")
            yield f"if ({reset}) {{"
            for net, bit in zip(move.q, move.value, strict=True):
                yield f"{self._at(net)} = {constants[bit]};"
            yield "} else"
        yield f"if ({enable}) {{"
        if move.memory is None:
            pairs = zip(move.q, values, strict=True)
            yield from (f"{self._at(net)} = {value};" for net, value in pairs)
        else:
            yield from self._access(move, values, row, vector)
        yield "}"

    def _access(self, move: Move, values: list[str], row: str, vector: bool) -> Iterator[str]:
        """A read or a write of a memory."""
        base, width = self.bases[move.memory], max(len(move.d), len(move.q))
        if not vector:
            stride = -(-width // 64)
            yield f"expand(&{self._at(move.q[0])}, rows + {base} + {stride} * {row}, {width});"
        elif move.q:
            yield f"copy(&{self._at(move.q[0])}, &M[{base} + {width} * {row}], {width});"
        else:
            yield f"Vector* const to = &M[{base} + {width} * {row}];"
            yield from (f"to[{n}] = {value};" for n, value in enumerate(values))

    def _at(self, net: int) -> str:
        return f"{'V' if net in self.vectors else 'W'}[{self.places[net]}]"

    def _word(self, net: int, local: bool = False) -> str:
        """A word, or in `settle` the local that will become it."""
        if net <= ONE:
            return "~Word(0)" if net == ONE else "Word(0)"
        return f"n{net}" if local and self.kinds[net] != "leaf" else f"W[{self.places[net]}]"

    def _vector(self, net: int, here: set[int]) -> str:
        if net <= ONE:
            return "ones" if net == ONE else "zeros"
        if net in here:
            return f"n{net}"
        return self._at(net) if net in self.vectors else f"spread({self._at(net)})"


def _function(name: str, body: Iterator[str]) -> tuple[str, str]:
    return name, "\n".join([f"void {name}() {{", *(f"  {line}" for line in body), "}"])


def _cut(turns: Sequence[Turn]) -> Iterator[list[Turn]]:
    """Turns of about so many statements together."""
    some: list[Turn] = []
    count = 0
    for turn in turns:
        some.append(turn)
        count += len(turn.gates) + len(turn.move.d)
        if count >= STATEMENTS:
            yield some
            some, count = [], 0
    if some:
        yield some
