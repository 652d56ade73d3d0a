"""What differs between images, and an order in which registers can be written in place."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bitlight import SimulationError
from bitlight_sim.sliced.gates import Gates
from bitlight_sim.sliced.netlist import Move, Netlist


def varying(netlist: Netlist, inputs: Iterable[int]) -> set[int]:
    """Nets that depend on these inputs, which differ from image to image.

    Registers whose enable or reset is among them, as Yosys makes of a choice in front of one, get
    the choice back.

    Raises
    ------
    SimulationError
        If the address or enable of a memory is among them: then images steer the design, and
        cannot share its control.
    """
    while True:
        found = _reached(netlist, inputs)
        steered = [
            index
            for index, move in enumerate(netlist.moves)
            if move.memory is None and found.intersection((move.enable, move.reset))
        ]
        if not steered:
            break
        for index in steered:
            netlist.moves[index] = _chosen(netlist.moves[index], netlist.gates)
    if any(found.intersection((move.enable, *move.address)) for move in netlist.moves):
        raise SimulationError("the design's control depends on its data: images cannot share it")
    return found


def _chosen(move: Move, gates: Gates) -> Move:
    """The same with enable and reset as choices of what comes in."""
    kept = zip(move.d, move.q, move.value, strict=True)
    choices = (
        gates.choose(move.reset, gates.choose(move.enable, q, d), value) for d, q, value in kept
    )
    return Move(tuple(choices), move.q, value=move.value)


def _reached(netlist: Netlist, inputs: Iterable[int]) -> set[int]:
    """What depends on these inputs."""
    readers: dict[int, list[int]] = defaultdict(list)
    for net, sources in enumerate(netlist.gates.inputs):
        for source in sources:
            readers[source].append(net)
    read: dict[int | None, list[Move]] = defaultdict(list)
    for move in netlist.moves:
        if not move.d:
            read[move.memory].append(move)
    for move in netlist.moves:
        for source, net in zip(move.d, move.q, strict=False):
            readers[source].append(net)
    # What is written is for data alone.
    written = {move.memory for move in netlist.moves if move.d and not move.q}
    found = set(inputs)
    found.update(net for memory in written for move in read[memory] for net in move.q)
    waiting = list(found)
    while waiting:
        fresh = [net for net in readers[waiting.pop()] if net not in found]
        found.update(fresh)
        waiting += fresh
    return found


def is_write(move: Move) -> bool:
    """Whether it writes a memory, all of which have words of vectors, even if none varies."""
    return move.memory is not None and not move.q


def split(move: Move, among: set[int]) -> tuple[Move | None, Move | None]:
    """The bits of a move that are among the nets, and the others."""
    if not move.d or not move.q:
        inside = is_write(move) or among.intersection(move.d + move.q)
        return (move, None) if inside else (None, move)
    parts = []
    for wanted in (True, False):
        places = [n for n, net in enumerate(move.q) if (net in among) == wanted]
        part = replace(
            move,
            d=tuple(move.d[n] for n in places),
            q=tuple(move.q[n] for n in places),
            value=tuple(move.value[n] for n in places),
        )
        parts.append(part if places else None)
    return parts[0], parts[1]


@dataclass(frozen=True)
class Turn:
    """A move, the gates that are needed first, and whether q still has readers to come.

    Attributes
    ----------
    gates : list of nets, in the order of their computation
    move : Move
    late : bool
        d must be kept, and q becomes it once all gates are done.
    """

    gates: list[int]
    move: Move
    late: bool


def schedule(netlist: Netlist, moves: list[Move], among: set[int]) -> list[Turn]:
    """All moves of varying nets, those behind before those in front where there is no loop.

    Then what a register gives has been used when it is written, and it can be written at once.
    """
    inputs = netlist.gates.inputs
    owner = {net: move for move in moves for net in move.q}
    sources = {id(move): _sources(move, inputs, among) for move in moves}
    behind: dict[int, list[Move]] = defaultdict(list)  # moves that use what a move gives
    uses: Counter[int] = Counter()
    for move in moves:
        leaves, gates = sources[id(move)]
        for net in leaves:
            if net in owner:
                behind[id(owner[net])].append(move)
    needed = {net for _, gates in sources.values() for net in gates}
    for net in needed:
        uses.update(inputs[net])
    for move in moves:
        uses.update(move.d)
        if move.d and not move.q:  # words are read before they are written
            behind[id(move)] += [
                other for other in moves if other.memory == move.memory and not other.d
            ]
    turns, done = [], set()
    unread: dict[int | None, int] = Counter(move.memory for move in moves if not move.d)
    for move in _behind_first(moves, behind):
        gates = [net for net in sources[id(move)][1] if net not in done]
        done.update(gates)
        for net in gates:
            uses.subtract(inputs[net])
        uses.subtract(move.d)
        late = any(uses[net] > 0 for net in move.q)
        if not move.d:
            unread[move.memory] -= not late
        elif not move.q:
            late = unread[move.memory] > 0
        turns.append(Turn(gates, move, late))
    return turns


def _sources(
    move: Move, inputs: list[tuple[int, ...]], among: set[int]
) -> tuple[list[int], list[int]]:
    """Leaves that d depends on, and gates between, each behind its inputs."""
    leaves, gates = [], []
    seen: set[int] = set()
    stack = [(net, False) for net in reversed(move.d)]
    while stack:
        net, ready = stack.pop()
        if ready:
            gates.append(net)
        elif net in among and net not in seen:
            seen.add(net)
            if inputs[net]:
                stack.append((net, True))
                stack += [(source, False) for source in reversed(inputs[net])]
            else:
                leaves.append(net)
    return leaves, gates


def _behind_first(moves: list[Move], behind: dict[int, list[Move]]) -> list[Move]:
    """Each move after those that are behind it, but for loops."""
    order, seen = [], set()
    stack = [(move, False) for move in moves]
    while stack:
        move, ready = stack.pop()
        if ready:
            order.append(move)
        elif id(move) not in seen:
            seen.add(id(move))
            stack.append((move, True))
            stack += [(other, False) for other in behind[id(move)]]
    return order
