"""A netlist as C++: nets that differ between images are vectors, all others single words."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from bitlight_sim.sliced import shapes, words
from bitlight_sim.sliced.gates import ONE, ZERO
from bitlight_sim.sliced.netlist import Move, Netlist
from bitlight_sim.sliced.schedule import Turn, schedule, split, varying

STATEMENTS = 150  # of one function: more take the compiler longer, and are no faster
SLOTS = 8  # numbers of 64 bits in the largest vector
CHARACTERS = 80_000  # of one file: files are compiled side by side
REPEATED = 16  # gates from which on those that look alike have one function
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
    tables : str
        Arrays, ports, what is done at a clock edge to words, and which functions there are.
    files : list of str
        These functions.
    groups : str
        For `counters.hpp`: which nets are counted.
    rows : bytes
        The read-only memories one after the other.
    counters : dict of net to int
        Where what is counted of a net stands among all counters.
    """

    tables: str
    files: list[str]
    groups: str
    rows: bytes
    counters: dict[int, int]


@dataclass(frozen=True)
class Function:
    """A function in C++: its name, statements and parameters."""

    name: str
    body: Iterable[str]
    parameters: str = ""

    @property
    def declared(self) -> str:
        """Its declaration."""
        return f"void {self.name}({self.parameters})"

    @property
    def text(self) -> str:
        """All of it; its statements are used up."""
        return "\n".join([f"{self.declared} {{", *self.body, "}"])


def write(netlist: Netlist, counted: bool = False) -> Source:
    """C++ for the harness to drive.

    A vector is a local of the function that computes it, or `V[n]`: a register, or used elsewhere.
    A word, all ones or all zeros, likewise, or `W[n]`. Memories of vectors are in M.

    Parameters
    ----------
    netlist : Netlist
        With the ports of a stream design: rst, i__valid, i__payload, o__ready, and i__ready,
        o__valid, o__payload. Only the payload may differ between images.
    counted : bool
        Whether the nets of its signals are to be had in each cycle, for `counters.hpp`.
    """
    writer = _Writer(netlist, counted)
    functions = {function.declared: function.text for function in writer.functions_of_c()}
    files, size = [['#include "model.hpp"']], 0
    for text in functions.values():
        if size > CHARACTERS:
            files.append(files[0][:1])
            size = 0
        files[-1].append(text)
        size += len(text)
    return Source(
        "\n".join([*writer.tables(functions), ""]),
        ["\n".join([*file, ""]) for file in files],
        "\n".join([*writer.groups(), ""]) if counted else "",
        words.rows(writer.edge),
        writer.counters(),
    )


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
        self.edge = words.merged([move for _, move in halves if move], netlist.memories)
        between = [net for net in self.seen if net in self.vectors and self.inputs[net]]
        self.looks = [
            Move(tuple(between[n : n + STATEMENTS])) for n in range(0, len(between), STATEMENTS)
        ]
        turns = [move for move, _ in halves if move]
        self.turns = schedule(netlist, [*turns, *self.looks], self.vectors)
        # What the output is, computed when it is wanted.
        self.output = schedule(netlist, [Move(netlist.outputs["o__payload"])], self.vectors)
        self.functions = list(_cut(self.turns, self._repeated()))
        changing = [turn.move.q for turn in self.turns if turn.move.q and counted]
        self.numbers = {q: number for number, q in enumerate(changing)}
        self.places: dict[int, int] = {}  # of a net, in V or W
        self.sizes = {True: 0, False: 0}  # of V and of W
        self.registers, self.counted = dict(self.sizes), dict(self.sizes)
        self._place_nets()
        self.settling = self._place_words()
        self.kept = {
            id(turn): self._room(True, len(turn.move.d)) for turn in self.turns if turn.late
        }
        self.bases: dict[int | None, int] = {}  # of a memory, in M
        self.vector_rows = self._place_memories()
        self.parts = shapes.share(["\n".join(self._part(turns)) for turns in self.functions])

    def _repeated(self) -> set[int]:
        """Turns (their ids) of many gates that others have as well, between other nets."""
        alike: dict[object, list[int]] = defaultdict(list)
        for turn in self.turns:
            if len(turn.gates) >= REPEATED:
                names: dict[int, int] = {}
                gates = (
                    (self.kinds[net], *(names.setdefault(n, len(names)) for n in self.inputs[net]))
                    for net in turn.gates
                )
                alike[turn.late, len(turn.move.d), *gates].append(id(turn))
        return {turn for some in alike.values() if len(some) > 1 for turn in some}

    def _room(self, vector: bool, size: int) -> int:
        place = self.sizes[vector]
        self.sizes[vector] += size
        return place

    def _place(self, nets: Sequence[int]) -> None:
        for net in nets:
            if net > ONE and net not in self.places:
                self.places[net] = self._room(net in self.vectors, 1)

    def _place_nets(self) -> None:
        """Registers, ports, and vectors that are used elsewhere than where they are computed."""
        turns = [turn.move for turn in self.turns]
        moves = [*self.edge.changes, *self.edge.reads, *turns]
        for move in moves:  # a word of a memory lies side by side
            self._place(move.q)
        self.registers = dict(self.sizes)
        self._place(self.seen)
        self.counted = dict(self.sizes)
        self.places |= {net: self._room(False, 1) for net in (ZERO, ONE)}
        for ports in (self.netlist.inputs, self.netlist.outputs):
            for name, nets in ports.items():
                if name != "o__payload":
                    self._place(nets)
        for move in moves:
            self._place((move.enable, move.reset, *move.address))
        for move in self.edge.changes:
            self._place(move.d)
        for some in (*self.functions, self.output):
            gates = [net for turn in some for net in turn.gates]
            used = chain(self._elsewhere(gates), *(turn.move.d for turn in some))
            here = set(gates)
            self._place([net for net in used if net not in here])

    def _elsewhere(self, gates: Sequence[int]) -> Iterator[int]:
        """What gates use that is not among them."""
        here = set(gates)
        for net in gates:
            yield from (source for source in self.inputs[net] if source not in here)

    def _place_words(self) -> list[list[int]]:
        """The gates of words that anything depends on, cut into functions."""
        wanted = set(self.places)
        gates = []
        for net in range(len(self.kinds) - 1, ONE, -1):
            if net in wanted and net not in self.vectors and self.inputs[net]:
                wanted.update(self.inputs[net])
                gates.append(net)
        gates.reverse()
        parts = [gates[n : n + STATEMENTS] for n in range(0, len(gates), STATEMENTS)]
        for part in parts:
            self._place([*self._elsewhere(part)])
        return parts

    def _place_memories(self) -> int:
        """Where memories of vectors begin; how many bits they have together."""
        of_vectors = {turn.move.memory for turn in self.turns}
        bits = 0
        for index, memory in enumerate(self.netlist.memories):
            if index in of_vectors:
                self.bases[index] = bits
                bits += memory.size
        return bits

    def tables(self, functions: Iterable[str]) -> Iterator[str]:
        """All that is not inside a function of gates."""
        yield '#include "edge.hpp"'
        yield f"Vector V[{self.sizes[True] + SLOTS}], M[{self.vector_rows + 1}];"
        yield f"Vector O[{len(self.netlist.outputs['o__payload'])}];"
        yield f"Word W[{self.sizes[False] + 1}];"
        yield from self._ports()
        yield from words.tables(self.edge, self.places.__getitem__)
        yield from (f"{declared};" for declared in functions)
        yield Function("settle", [f"settle{n}();" for n in range(len(self.settling))]).text
        calls = {
            index: f"part{n}({arguments});"
            for n, part in enumerate(self.parts)
            for index, arguments in part.calls.items()
        }
        edge = "clock_edge(d, value, changes, address, reads);"
        parts = (calls[index] for index in range(len(calls)))
        yield Function("advance", [*parts, "late();", edge]).text

    def _ports(self) -> Iterator[str]:
        """Where ports are, in V or W."""
        ports = self.netlist.inputs | self.netlist.outputs
        taken = ", ".join(str(self.places[net]) for net in ports["i__payload"])
        yield f"constexpr unsigned payload[] = {{{taken}}};"
        names = ("rst", "i__valid", "o__ready", "i__ready", "o__valid")
        single = ", ".join(str(self.places[ports[name][0]]) for name in names)
        given = len(ports["o__payload"])
        yield f"const Ports ports = {{{single}, payload, {len(ports['i__payload'])}, {given}}};"

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

    def functions_of_c(self) -> Iterator[Function]:
        """All but those in the tables."""
        yield Function("start", self._start())
        for n, gates in enumerate(self.settling):
            yield Function(f"settle{n}", self._settle(gates))
        for n, part in enumerate(self.parts):
            yield Function(f"part{n}", [part.body], part.parameters)
        yield Function("output", self._part(self.output))
        yield Function("late", self._late())

    def _start(self) -> Iterator[str]:
        """What is there before the first cycle."""
        yield f"W[{self.places[ONE]}] = ~Word(0);"
        for net in sorted(self.netlist.raised & self.places.keys()):
            yield f"{self._at(net)} = {'ones' if net in self.vectors else '~Word(0)'};"
        for turn in self.turns:
            move = turn.move
            if move.memory is not None and not move.d:
                for place in np.flatnonzero(self.netlist.memories[move.memory]):
                    yield f"M[{self.bases[move.memory] + place}] = ones;"

    def _settle(self, gates: Sequence[int]) -> Iterator[str]:
        """Some gates of words."""
        here: set[int] = set()
        for net in gates:
            operands = (
                f"n{source}" if source in here else self._word(source)
                for source in self.inputs[net]
            )
            yield f"const Word n{net} = {FORMS[self.kinds[net]].format(*operands)};"
            here.add(net)
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
                yield from self._done(turn.move, values)

    def _late(self) -> Iterator[str]:
        """Moves that had to wait for others; words are read before they are written."""
        late = [turn for turn in self.turns if turn.late]
        for turn in sorted(late, key=lambda turn: bool(turn.move.d)):
            place = self.kept[id(turn)]
            values = [f"V[{place + n}]" for n in range(len(turn.move.d))]
            yield from self._done(turn.move, values)

    def _row(self, move: Move, depth: int) -> str:
        """Where in a memory; within it, whatever the address is while nothing is read."""
        bits = [f"({self._word(net)} & {1 << n}u)" for n, net in enumerate(move.address)]
        return f"within({' | '.join(bits)}, {depth})"

    def _done(self, move: Move, values: list[str]) -> Iterator[str]:
        """The statements of a move of vectors, under its conditions, which are words."""
        if move.memory is None and not move.q:
            yield from (f"O[{n}] = {value};" for n, value in enumerate(values))
            return
        changes = f"if ({self._word(move.reset)} | {self._word(move.enable)})"
        group = self.numbers.get(move.q)
        if group is not None:
            yield f"{changes} keep({group});"
        yield from self._changed(move, values)
        if group is not None:
            yield f"{changes} tally({group});"

    def _changed(self, move: Move, values: list[str]) -> Iterator[str]:
        if move.reset != ZERO:
            yield f"if ({self._word(move.reset)}) {{"
            for net, bit in zip(move.q, move.value, strict=True):
                yield f"{self._at(net)} = {'ones' if bit else 'zeros'};"
            yield "} else"
        yield f"if ({self._word(move.enable)}) {{"
        if move.memory is None:
            pairs = zip(move.q, values, strict=True)
            yield from (f"{self._at(net)} = {value};" for net, value in pairs)
        else:
            yield from self._access(move, move.memory, values)
        yield "}"

    def _access(self, move: Move, memory: int, values: list[str]) -> Iterator[str]:
        """A read or a write of a memory."""
        base, width = self.bases[memory], max(len(move.d), len(move.q))
        word = f"&M[{base} + {width} * {self._row(move, len(self.netlist.memories[memory]))}]"
        if move.q:
            yield f"copy(&{self._at(move.q[0])}, {word}, {width});"
        else:
            yield f"Vector* const to = {word};"
            yield from (f"to[{n}] = {value};" for n, value in enumerate(values))

    def _at(self, net: int) -> str:
        return f"{'V' if net in self.vectors else 'W'}[{self.places[net]}]"

    def _word(self, net: int) -> str:
        if net <= ONE:
            return "~Word(0)" if net == ONE else "Word(0)"
        return f"W[{self.places[net]}]"

    def _vector(self, net: int, here: set[int]) -> str:
        if net <= ONE:
            return "ones" if net == ONE else "zeros"
        if net in here:
            return f"n{net}"
        return self._at(net) if net in self.vectors else f"spread({self._at(net)})"


def _cut(turns: Sequence[Turn], alone: set[int]) -> Iterator[list[Turn]]:
    """Turns of about so many statements together, but for some that are to stand alone."""
    some: list[Turn] = []
    count = 0
    for turn in turns:
        if some and (count >= STATEMENTS or id(turn) in alone):
            yield some
            some, count = [], 0
        some.append(turn)
        count += STATEMENTS if id(turn) in alone else len(turn.gates) + len(turn.move.d)
    if some:
        yield some
