"""A netlist of single bits, read from Amaranth's cells."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from amaranth import ClockSignal, ResetSignal, Value
from amaranth.hdl import Instance, _nir

from bitlight import SimulationError
from bitlight_hw import family as families
from bitlight_hw.elaboration import flat_ports, to_cells
from bitlight_hw.family import Family
from bitlight_hw.units.rom import Words
from bitlight_hw.verilog import verilog_name
from bitlight_sim.sliced import operators
from bitlight_sim.sliced.gates import ONE, ZERO, Word
from bitlight_sim.sliced.netlist import Move, Named, Netlist

# A net of the design is that of its place (from here on) and its number there.
PLACE = 48


@dataclass
class Modules:
    """The platform that units are elaborated for: each by itself, as for Verilog.

    Attributes
    ----------
    family : Family
    cells : dict of str to Amaranth's netlist, of each component by the type of its instance
    roms : dict of str to bool array, of each read-only memory likewise
    """

    family: Family
    cells: dict[str, Any] = field(default_factory=dict)
    roms: dict[str, np.ndarray] = field(default_factory=dict)

    def rom(self, words: Words) -> str:
        """The type of the cell that stands for a memory."""
        name = f"rom{len(self.roms)}"
        self.roms[name] = words.words
        return name

    def instance(self, name: str, component: Any, ports: Any, restart: Value | None) -> Instance:
        """Read a component; an instance of it, with these ports."""
        kind = f"{name}${len(self.cells)}"
        self.cells[kind] = None  # the name is taken before those inside
        self.cells[kind] = to_cells(component, name, self)
        reset = ResetSignal() if restart is None else ResetSignal() | restart
        clocked = [("i", "clk", ClockSignal()), ("i", "rst", reset)]
        return Instance(kind, *flat_ports(component.signature, ports), *clocked)


def read(component: Any, family: Family = families.SIMULATION, *, signals: bool = False) -> Netlist:
    """The netlist of an Amaranth component.

    Parameters
    ----------
    component : Amaranth component
    family : Family
        The form that it has; all are equal cycle by cycle.
    signals : bool
        Whether all that has a name is wanted, not what the outputs depend on alone.

    Raises
    ------
    SimulationError
        If it has a cell that cannot be taken bit by bit.
    """
    modules = Modules(family)
    top = to_cells(component, "top", modules)
    reader = _Reader(modules, top)
    if signals:
        reader.read_signals()
    found = reader.netlist()
    if signals:
        reader.find_owners()
    return found


@dataclass(eq=False)
class Place:
    """Where a component stands in the design.

    Attributes
    ----------
    cells : Amaranth's netlist
    number : int
    path : tuple of str
    outer : Place or None, that it stands in
    ports : dict of str to values of nets there, that come in
    """

    cells: Any
    number: int
    path: tuple[str, ...]
    outer: "Place | None"
    ports: dict[str, Any]
    inner: dict[int, "Place"] = field(default_factory=dict)

    @cached_property
    def incoming(self) -> dict[int, tuple[str, int]]:
        """Port and bit of each output of the cell that stands for what is outside."""
        spans = self.cells.top.ports_i.items()
        return {start + n: (name, n) for name, (start, width) in spans for n in range(width)}

    @cached_property
    def uses(self) -> Counter[int]:
        """How many cells each net goes into."""
        found: Counter[int] = Counter()
        for cell in self.cells.cells:
            found.update({self.bound(net) for net in cell.input_nets()})
        return found

    @cached_property
    def ports_of(self) -> dict[int, list[Any]]:
        """The ports through which each memory is written, by its cell."""
        found: dict[int, list[Any]] = {}
        for cell in self.cells.cells:
            if isinstance(cell, _nir.SyncWritePort):
                found.setdefault(cell.memory, []).append(cell)
        return found

    def bound(self, net: int) -> int:
        """The net that drives one that was bound late."""
        while net < 0:
            net = self.cells.connections[net]
        return int(net)


class _Reader:
    """Walks from the outputs to all that they depend on."""

    def __init__(self, modules: Modules, top: Any) -> None:
        self.modules = modules
        self.found = Netlist()
        self.gates = self.found.gates
        self.places: list[Place] = []
        self.known: dict[int, int] = {0: ZERO, 1: ONE}  # gates' nets, of nets of the design
        self.waiting: list[tuple[Place, int]] = []
        self.memories: dict[tuple[int, int], int] = {}
        self.top = self._place(top, (), None, {})

    def _place(
        self, cells: Any, path: tuple[str, ...], outer: Place | None, ports: dict[str, Any]
    ) -> Place:
        place = Place(cells, len(self.places), path, outer, ports)
        self.places.append(place)
        for index, cell in enumerate(cells.cells):
            if isinstance(cell, _nir.Instance) and cell.type in self.modules.cells:
                inside = self.modules.cells[cell.type]
                where = (*path, *_names(cells.modules[cell.module_idx].name[1:]))
                where = (*where, verilog_name(cell.name))
                place.inner[index] = self._place(inside, where, place, cell.ports_i)
        return place

    def netlist(self) -> Netlist:
        """Everything, once all that waits is read."""
        top = self.top.cells.top
        for name, (start, width) in top.ports_i.items():
            self.found.inputs[name] = tuple(self._leaf(self.top, start + n) for n in range(width))
        for name, value in top.ports_o.items():
            self.found.outputs[name] = self.word(self.top, value)
        while self.waiting:
            place, index = self.waiting.pop()
            cell = place.cells.cells[index]
            READERS[type(cell)](self, place, index, cell)
        return self.found

    def read_signals(self) -> None:
        """All that has a name."""
        for place in self.places:
            for module in place.cells.modules:
                where = (*place.path, *_names(module.name[1:]))
                for signal, name in module.signal_names.items():
                    nets = self.word(place, place.cells.signals[signal])
                    self.found.signals.append(Named((*where, verilog_name(name)), nets))
            self._read_roms(place)

    def _read_roms(self, place: Place) -> None:
        """The ports of read-only memories, which are modules of their own text."""
        for index, cell in enumerate(place.cells.cells):
            if isinstance(cell, _nir.Instance) and cell.type in self.modules.roms:
                module = _names(place.cells.modules[cell.module_idx].name[1:])
                where = (*place.path, *module, verilog_name(cell.name))
                start, width = cell.ports_o["data"]
                values = cell.ports_i | {"data": [index << 16 | start + n for n in range(width)]}
                for name, value in values.items():
                    self.found.signals.append(Named((*where, name), self.word(place, value)))

    def find_owners(self) -> None:
        """Which component drives each net; of equal gates, the one that was read first."""
        for key, net in self.known.items():
            self.found.owners.setdefault(net, self.places[key >> PLACE].path)

    def _leaf(self, place: Place, net: int) -> int:
        key = place.number << PLACE | net
        if key not in self.known:
            self.known[key] = self.gates.leaf()
        return self.known[key]

    def _source(self, place: Place, net: int) -> int:
        """The net of the design that drives a net of a place."""
        while True:
            net = place.bound(net)
            if net <= 1:
                return net
            index, bit = net >> 16, net & 0xFFFF
            if index == 0 and place.outer is not None:
                name, offset = place.incoming[bit]
                place, net = place.outer, place.ports[name][offset]
            elif index in place.inner:
                name, offset = _port(place.cells.cells[index], bit)
                place = place.inner[index]
                net = place.cells.top.ports_o[name][offset]
            else:
                return place.number << PLACE | net

    def word(self, place: Place, value: Sequence[int]) -> tuple[int, ...]:
        """Gates' nets of a value, and the gates in front of them."""
        sources = [self._source(place, net) for net in value]
        self._lower(sources)
        return tuple(self.known[source] for source in sources)

    def _lower(self, wanted: list[int]) -> None:
        """Gates of these nets of the design, those that they depend on first."""
        stack = [net for net in reversed(wanted) if net not in self.known]
        opened: set[int] = set()
        while stack:
            key = stack[-1]
            if key in self.known:
                stack.pop()
                continue
            place, net = self.places[key >> PLACE], key & ((1 << PLACE) - 1)
            index, bit = net >> 16, net & 0xFFFF
            cell = place.cells.cells[index]
            if type(cell) in READERS or index == 0:
                self._leaves(place, index, cell)
                continue
            values = self._operands(place, cell, bit)
            sources = [[self._source(place, net) for net in value] for value in values]
            missing = [one for word in sources for one in word if one not in self.known]
            if not missing:
                self._gates(place, index, bit, cell, sources)
                continue
            if key in opened:
                raise SimulationError(f"a loop without a register at {place.path}, cell {cell!r}")
            opened.add(key)
            stack += reversed(missing)

    def _leaves(self, place: Place, index: int, cell: Any) -> None:
        """All outputs of a register, a memory or a port."""
        for net in sorted(cell.output_nets(index)):
            self._leaf(place, net)
        if index:
            self.waiting.append((place, index))

    def _operands(self, place: Place, cell: Any, bit: int) -> list[Any]:
        """The values that a bit of a cell's output depends on."""
        if isinstance(cell, _nir.PriorityMatch):
            return [[cell.en], cell.inputs]
        if isinstance(cell, _nir.AssignmentList):
            given = [(one.cond, one.value[bit - one.start]) for one in _given(cell, bit)]
            return [[cell.default[bit]], *given]
        if isinstance(cell, _nir.Operator) and cell.operator in ("+", "-"):
            return self._addends(place, cell)
        return operators.inputs(cell)

    def _gates(
        self, place: Place, index: int, bit: int, cell: Any, sources: list[list[int]]
    ) -> None:
        """Add the gates of a cell, whose operands are known."""
        words: list[Word] = [[self.known[net] for net in word] for word in sources]
        key = place.number << PLACE | index << 16
        if isinstance(cell, _nir.AssignmentList):
            self.known[key | bit] = self._assigned(words[0][0], words[1:])
            return
        if isinstance(cell, _nir.PriorityMatch):
            ((enable,), choices) = words
            output = operators.first(self.gates, enable, choices, _apart(place, cell))
        elif isinstance(cell, _nir.Operator) and cell.operator in ("+", "-"):
            words = [operators.trimmed(word) for word in words]
            if cell.operator == "-":
                # What is taken away is last; a word that is extended is so before it is inverted.
                inverted = [self.gates.inverse(net) for net in _extended(words.pop(), cell.width)]
                words += [inverted, [ONE]]
            output = operators.total(self.gates, words, cell.width)
        else:
            output = operators.lower(self.gates, cell, words)
        self.known |= {key | n: net for n, net in enumerate(output)}

    def _assigned(self, default: int, choices: Sequence[Word]) -> int:
        """What a bit is after assignments, (condition, value) each."""
        found = default
        for condition, value in choices:
            found = self.gates.choose(condition, found, value)
        return found

    def _addends(self, place: Place, cell: Any) -> list[list[int]]:
        """What a sum is the sum of: sums that nothing else uses are taken apart."""
        *added, last = cell.inputs
        if cell.operator == "+":
            added.append(last)
        found = []
        waiting = [[place.bound(net) for net in value] for value in reversed(added)]
        while waiting:
            word = _without_zeros(waiting.pop())
            inner = _inner_sum(place, word)
            if inner is not None:
                parts = [_without_zeros([place.bound(net) for net in v]) for v in inner.inputs]
                if len(word) >= cell.width or _most(parts) < 1 << len(word):
                    waiting += reversed(parts)
                    continue
            found.append(word)
        return found if cell.operator == "+" else [*found, list(last)]

    def _register(self, place: Place, index: int, cell: Any) -> None:
        if cell.arst != 0:
            raise SimulationError("only synchronous resets are known")
        groups: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for bit, data in enumerate(cell.data):
            q = self._leaf(place, index << 16 | bit)
            enable, reset, value, d = self._entering(place, index << 16 | bit, data)
            groups.setdefault((enable, reset), []).append((d, q, value))
            if cell.init >> bit & 1:
                self.found.raised.add(q)
        for (enable, reset), bits in groups.items():
            given, taken, values = (tuple(column) for column in zip(*bits, strict=True))
            self.found.moves.append(Move(given, taken, enable, reset, values))

    def _entering(self, place: Place, q: int, data: int) -> tuple[int, int, int, int]:
        """(enable, reset, value at reset, d) of one bit of a register."""
        net = place.bound(data)
        cell = place.cells.cells[net >> 16]
        if not isinstance(cell, _nir.AssignmentList):
            return ONE, ZERO, 0, self.word(place, [net])[0]
        bit = net & 0xFFFF
        choices = [(one.cond, one.value[bit - one.start]) for one in _given(cell, bit)]
        reset, value = ZERO, 0
        if len(choices) > 1 and place.bound(choices[-1][1]) <= 1:
            condition, constant = choices.pop()
            (reset,), value = self.word(place, [condition]), place.bound(constant)
        words = [self.word(place, choice) for choice in choices]
        if place.bound(cell.default[bit]) != q:
            (default,) = self.word(place, [cell.default[bit]])
            return ONE, reset, value, self._assigned(default, words)
        enable = self.gates.any([condition for condition, _ in words])
        return enable, reset, value, self._assigned(words[0][1], words[1:])

    def _rom(self, place: Place, index: int, cell: Any) -> None:
        start, width = cell.ports_o["data"]
        q = tuple(self._leaf(place, index << 16 | start + n) for n in range(width))
        (enable,), address = (self.word(place, cell.ports_i[name]) for name in ("en", "addr"))
        memory = len(self.found.memories)
        self.found.moves.append(Move(q=q, enable=enable, memory=memory, address=address))
        self.found.memories.append(self.modules.roms[cell.type])

    def _read_port(self, place: Place, index: int, cell: Any) -> None:
        if cell.transparent_for:
            raise SimulationError("only ports that read what was there before are known")
        q = tuple(self._leaf(place, index << 16 | n) for n in range(cell.width))
        (enable,), address = self.word(place, [cell.en]), self.word(place, cell.addr)
        memory = self._memory(place, cell.memory)
        self.found.moves.append(Move(q=q, enable=enable, memory=memory, address=address))

    def _memory(self, place: Place, index: int) -> int:
        """The number of a memory; when it is met first, it is written to as well."""
        key = place.number, index
        if key not in self.memories:
            cell = place.cells.cells[index]
            self.memories[key] = len(self.found.memories)
            rows = [[row >> n & 1 for n in range(cell.width)] for row in cell.init]
            self.found.memories.append(np.array(rows, bool).reshape(cell.depth, cell.width))
            for port in place.ports_of.get(index, []):
                enable, *others = set(self.word(place, port.en))
                if others:
                    raise SimulationError(f"memory {cell.name}: words must be written whole")
                d, address = self.word(place, port.data), self.word(place, port.addr)
                self.found.moves.append(
                    Move(d, enable=enable, memory=self.memories[key], address=address)
                )
        return self.memories[key]


READERS = {
    _nir.FlipFlop: _Reader._register,
    _nir.SyncReadPort: _Reader._read_port,
    _nir.Instance: _Reader._rom,
}


def _given(cell: Any, bit: int) -> Iterator[Any]:
    """The assignments of a list that reach a bit."""
    return (one for one in cell.assignments if one.start <= bit < one.start + len(one.value))


def _apart(place: Place, cell: Any) -> bool:
    """Whether at most one of a choice's conditions holds, but for one that comes last."""
    tests = [place.bound(net) for net in cell.inputs]
    if tests and tests[-1] == ONE:
        tests.pop()
    cells = [place.cells.cells[net >> 16] for net in tests]
    if not all(isinstance(one, _nir.Matches) for one in cells):
        return False
    patterns = [pattern for one in cells for pattern in one.patterns]
    return len({tuple(one.value) for one in cells}) <= 1 and len(set(patterns)) == len(
        [pattern for pattern in patterns if "-" not in pattern]
    )


def _inner_sum(place: Place, word: list[int]) -> Any | None:
    """The sum whose lowest bits a word is, if nothing else uses them."""
    if not word or word[0] <= 1:
        return None
    cell = place.cells.cells[word[0] >> 16]
    if not (isinstance(cell, _nir.Operator) and cell.operator == "+"):
        return None
    start = word[0] & ~0xFFFF
    same = word == list(range(start, start + len(word)))
    alone = same and all(place.uses[start + n] <= 1 for n in range(cell.width))
    return cell if alone else None


def _without_zeros(word: list[int]) -> list[int]:
    return list(operators.trimmed(word))


def _most(words: Sequence[Sequence[int]]) -> int:
    return sum((1 << len(word)) - 1 for word in words)


def _extended(word: Word, width: int) -> list[int]:
    return [*word, *[ZERO] * (width - len(word))]


def _port(cell: Any, bit: int) -> tuple[str, int]:
    """The port of an instance that gives a bit, and which bit of it that is."""
    for name, (start, width) in cell.ports_o.items():
        if start <= bit < start + width:
            return name, bit - start
    raise AssertionError(f"{cell!r} has no output {bit}")


def _names(path: Sequence[str]) -> tuple[str, ...]:
    return tuple(verilog_name(name) for name in path)
