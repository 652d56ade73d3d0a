"""The clock edge of words as tables: what shares its conditions stands side by side."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from bitlight import bits
from bitlight_sim.sliced.netlist import Move


@dataclass(frozen=True)
class Edge:
    """What happens to words at a clock edge.

    Attributes
    ----------
    changes : list of Move, of registers
    reads : list of Move, of read-only memories; `memory` is an index of `memories`
    memories : list of bool arrays, shape (depth, width)
    """

    changes: list[Move]
    reads: list[Move]
    memories: list[np.ndarray]


def merged(moves: Sequence[Move], memories: Sequence[np.ndarray]) -> Edge:
    """The same moves, with one for all registers that change under one condition.

    Memories that are read at one address become one, as wide as all of them.
    """
    changing: dict[tuple[int, ...], list[Move]] = defaultdict(list)
    reading: dict[tuple[int, ...], list[Move]] = defaultdict(list)
    for move in moves:
        if move.memory is None:
            changing[move.enable, move.reset].append(move)
        else:
            depth = len(memories[move.memory])
            reading[move.enable, depth, *move.address].append(move)
    edge = Edge([], [], [])
    for some in changing.values():
        d, q, value = (
            tuple(chain(*parts)) for parts in zip(*((m.d, m.q, m.value) for m in some), strict=True)
        )
        edge.changes.append(Move(d, q, some[0].enable, some[0].reset, value))
    for index, some in enumerate(reading.values()):
        q = tuple(chain(*(move.q for move in some)))
        edge.reads.append(Move((), q, some[0].enable, memory=index, address=some[0].address))
        edge.memories.append(
            np.concatenate([memories[move.memory] for move in some if move.memory is not None], 1)
        )
    return edge


def rows(edge: Edge) -> bytes:
    """The memories one after the other, each row in whole numbers of 64 bits."""
    return b"".join(
        np.pad(packed, [(0, 0), (0, -packed.shape[1] % 8)]).tobytes()
        for packed in map(bits.pack, edge.memories)
    )


def tables(edge: Edge, place: Callable[[int], int]) -> Iterator[str]:
    """The edge in C++, for edge.hpp.

    Parameters
    ----------
    place : callable
        Where a net is in W. The registers come first and in order, so that they are `d` and
        `value` at their places as well.
    """
    taken = (place(net) for move in edge.changes for net in move.d)
    yield f"constexpr unsigned d[] = {_list(taken)};"
    yield f"constexpr bool value[] = {_list(chain(*(move.value for move in edge.changes)))};"
    yield f"Change changes[] = {_list(_changes(edge, place))};"
    addresses = (place(net) for move in edge.reads for net in move.address)
    yield f"constexpr unsigned address[] = {_list(addresses)};"
    yield f"Read reads[] = {_list(_reads(edge, place))};"


def _changes(edge: Edge, place: Callable[[int], int]) -> Iterator[str]:
    for move in edge.changes:
        numbers = place(move.enable), place(move.reset), place(move.q[0]), len(move.q)
        yield _list(numbers)


def _reads(edge: Edge, place: Callable[[int], int]) -> Iterator[str]:
    base = digits = 0
    for move, words in zip(edge.reads, edge.memories, strict=True):
        depth, width = words.shape
        stride = -(-width // 64)
        where = place(move.enable), digits, len(move.address), depth
        yield _list((*where, base, stride, place(move.q[0]), width))
        base, digits = base + depth * stride, digits + len(move.address)


def _list(items: Iterator[object] | Sequence[object]) -> str:
    """Braces around them; an array has one element at least."""
    return f"{{{', '.join(map(str, items)) or '{}'}}}"
