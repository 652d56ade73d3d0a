"""Runs of layers in one pass: what a convolution counts, scaled, added, rectified and compared.

A run begins at a convolution's sums or at integers in memory, and goes on with at most one Affine,
one Add, one PReLU and one Threshold of bits, in this order, while each value has one way to go:

    y = clip((m·x + β) >> s), y = clip(y + other), v = y + γ, v = (v or (p·v) >> s') + ζ, [v ≥ t]

What is absent does nothing. Some windows are worked off at a time, whose values stay in the cache;
the integers that others take are written once, in 16 bits where their range allows it, and so are
the bits, packed. All results fit in 32 bits, which the ranges show beforehand. Sixteen channels lie
side by side in a vector; runs of other numbers of channels are computed node by node.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from bitlight.kernels.compiled import compiled
from bitlight.kernels.threads import parallel
from bitlight.kernels.tile import LANES, OUTPUTS
from bitlight.network.golden.convolution import Convolution, _tiles
from bitlight.network.graph import Graph, Node
from bitlight.network.layers import BIT, Add, Affine, Conv2d, PReLU, Threshold
from bitlight.network.values import Integers, Value

WINDOWS = 64  # at a time
MOST = (1 << 31) - 1
ORDER: tuple[type, ...] = (Affine, Add, PReLU)
# Rows of the parameters.
MULTIPLIER, OFFSET, BEFORE, SLOPE, AFTER, LEAST = range(6)


@dataclass
class Run:
    """Nodes that are computed together.

    Attributes
    ----------
    nodes : list of Node
        In their order; a Threshold is none of them.
    bits : Node or None
        The Threshold at the end.
    other : str or None
        What the Add takes beside the run.
    keeps : bool
        Whether somebody else takes the integers at the end.
    """

    nodes: list[Node]
    bits: Node | None = None
    other: str | None = None
    keeps: bool = True

    @property
    def names(self) -> set[str]:
        """Names of all nodes that it computes."""
        return {node.name for node in self.nodes} | ({self.bits.name} if self.bits else set())

    @property
    def gives(self) -> tuple[str, ...]:
        """Names of what is written: integers, then bits."""
        values = (self.nodes[-1].name,) if self.keeps else ()
        return values if self.bits is None else (*values, self.bits.name)

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of what it begins with, and of what is added."""
        first = self.nodes[0].inputs
        start = next(name for name in first if name != self.other) if len(first) > 1 else first[0]
        return (start,) if self.other is None else (start, self.other)


def find_runs(net: Graph) -> dict[str, Run]:
    """Runs by the name of their first node; nodes of no run are left out."""
    users: dict[str, list[Node]] = {node.name: [] for node in net.nodes}
    for node in net.nodes:
        for name in node.inputs:
            if name in users:
                users[name].append(node)
    taken: set[str] = set()
    runs = {}
    done: set[str] = {"input"}
    for node in net.nodes:
        if node.name not in taken and (run := _run(net, node, users, done)) is not None:
            runs[node.name] = run
            taken |= run.names
        done.add(node.name)
    return runs


def _run(net: Graph, first: Node, users: dict[str, list[Node]], done: set[str]) -> Run | None:
    """The longest run from a node on; None if there is none, or its channels fill no vectors."""
    if first.value.channels % LANES or not _begins(net, first):
        return None
    run = Run([first])
    if isinstance(first.layer, Add):
        run.other = first.inputs[1]
    while (node := _next(net, run, users, done)) is not None:
        if isinstance(node.layer, Add):
            (run.other,) = set(node.inputs) - {run.nodes[-1].name}
        run.nodes.append(node)
    followers = users[run.nodes[-1].name]
    bits = [n for n in followers if isinstance(n.layer, Threshold) and n.value.kind == BIT]
    run.bits = bits[0] if bits else None
    run.keeps = len(followers) != 1 or run.bits is None
    alone = len(run.nodes) == 1 and run.bits is None and not isinstance(first.layer, Conv2d)
    return None if alone else run


def _begins(net: Graph, node: Node) -> bool:
    if isinstance(node.layer, Conv2d):
        return node.layer.threshold is None
    if isinstance(node.layer, Add) and not _adds_two(node):
        return False
    return isinstance(node.layer, ORDER) and _fits(net, node)


def _next(net: Graph, run: Run, users: dict[str, list[Node]], done: set[str]) -> Node | None:
    """The node that goes on with a run, if what the run gives goes there alone."""
    last = run.nodes[-1]
    if len(users[last.name]) != 1:
        return None
    (node,) = users[last.name]
    later = ORDER[ORDER.index(type(last.layer)) + 1 :] if type(last.layer) in ORDER else ORDER
    if type(node.layer) not in later or not _fits(net, node):
        return None
    if isinstance(node.layer, Add) and not (
        _adds_two(node) and done >= {*node.inputs} - {last.name}
    ):
        return None
    return node


def _adds_two(node: Node) -> bool:
    return len(node.inputs) == len(set(node.inputs)) == 2


def _fits(net: Graph, node: Node) -> bool:
    """Whether all that is calculated for a node fits in 32 bits."""
    kinds = [net.value(name).kind for name in node.inputs]
    layer = node.layer
    if not all(isinstance(kind, Integers) for kind in kinds):
        return isinstance(layer, Conv2d)
    ends = np.array([[kind.low, kind.high] for kind in kinds], np.int64)
    if isinstance(layer, Affine):
        m = layer.multiplier.astype(np.int64)[:, None]
        # Twice as much for what is folded into it: a − 2·count for sums.
        return bool((4 * np.abs(m * ends) + np.abs(layer.offset[:, None]) < MOST).all())
    if isinstance(layer, Add):
        return int(np.abs(ends).max(axis=1).sum()) < MOST
    if isinstance(layer, PReLU):
        v = np.abs(ends).max() + np.abs(layer.before.astype(np.int64))
        return bool((v * np.maximum(np.abs(layer.slope.astype(np.int64)), 1) < MOST).all())
    return False


class Numbers(NamedTuple):
    """Scalars of a run: shift and limits of the Affine, limits of the Add, shift of the PReLU."""

    shift: int
    low: int
    high: int
    least: int
    most: int
    slope_shift: int


@dataclass(frozen=True)
class Fused:
    """A run, prepared: called with what it takes, gives what it writes."""

    run: Run
    convolution: Convolution | None
    parameters: np.ndarray  # int32 (6, blocks·32)
    numbers: np.ndarray  # int32, see `Numbers`
    value: Value
    dtype: Any = field(init=False)

    def __post_init__(self) -> None:
        kind = self.value.integers
        short = kind.low >= -(1 << 15) and kind.high < 1 << 15
        object.__setattr__(self, "dtype", np.int16 if short else np.int32)

    def __call__(self, x: np.ndarray, other: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """Words or pixels, or integers (N, H, W, C), to integers and words."""
        channels = self.value.channels
        shape = x.shape[:-1]
        if self.convolution is not None:
            laid = self.convolution.lay(x)
            shape = (len(x), *laid.size)
        rows = int(np.prod(shape))
        values = np.empty((rows if self.run.keeps else 0, channels), self.dtype)
        # The upper half of a last word may have no channels.
        empty = np.zeros if channels % OUTPUTS else np.empty
        words = empty((0 if self.run.bits is None else rows, -(-channels // OUTPUTS)), np.uint32)
        beside = np.empty((0, channels), np.int16) if other is None else _rows(other)
        given = beside, self.parameters, self.numbers, values, words.view(np.uint16)
        if self.convolution is None:
            _finish_integers(_rows(x), *given)
        else:
            weight, limit = self.convolution.weight, self.convolution.limit
            _finish_sums(laid.x, laid.start, laid.step, weight, limit, laid.share, *given)
        found = [values.reshape(*shape, channels)] if self.run.keeps else []
        if self.run.bits is not None:
            found.append(words.reshape(*shape, words.shape[1]))
        return tuple(found)


def _rows(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, x.shape[-1])


def fuse(net: Graph, run: Run, convolution: Convolution | None) -> Fused:
    """A run with its parameters; the convolution is that of its first node, if it is one."""
    value = run.nodes[-1].value
    channels = value.channels
    parts = {type(node.layer): node.layer for node in run.nodes}
    multiplier, offset = np.ones(channels, np.int64), np.zeros(channels, np.int64)
    numbers = Numbers(0, -MOST - 1, MOST, -MOST - 1, MOST, 0)
    if Affine in parts:
        affine: Any = parts[Affine]
        multiplier, offset = affine.multiplier.astype(np.int64), affine.offset
        shift = min(affine.shift, 31)  # beyond, what fits in 32 bits is 0 or −1 all the same
        numbers = numbers._replace(shift=shift, low=affine.low, high=affine.high)
    if Add in parts:
        add: Any = parts[Add]
        numbers = numbers._replace(least=add.low, most=add.high)
    before, slope, after = (np.zeros(channels, np.int64) for _ in range(3))
    slope += 1
    if PReLU in parts:
        act: Any = parts[PReLU]
        before, slope, after = (
            part.astype(np.int64) for part in (act.before, act.slope, act.after)
        )
        numbers = numbers._replace(slope_shift=min(act.shift, 31))
    if convolution is not None:  # which counts m: a sum is score − 2·m
        assert convolution.score is not None
        offset = offset + multiplier * convolution.score
        multiplier = -2 * multiplier
    least = np.zeros(channels, np.int64)
    if run.bits is not None:
        threshold: Any = run.bits.layer
        least = threshold.threshold.astype(np.int64)
    table = np.zeros((6, -(-channels // OUTPUTS) * OUTPUTS), np.int32)
    table[:, :channels] = multiplier, offset, before, slope, after, least
    return Fused(run, convolution, table, np.array(numbers, np.int32), value)


_INT16, _INT32, _INT64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_INT32, LANES)


@intrinsic
def _finish_vector(
    typing: Any, x: Any, parameters: Any, numbers: Any, other: Any, values: Any, words: Any,
    row: Any, place: Any, lane: Any,
) -> Any:  # fmt: skip
    """The run for 16 channels from `lane` on: row `row` of x, row `place` of what is written.

    Parameters
    ----------
    x : int32 or int16 array, shape (rows, C)
    parameters : int32 array, shape (6, C')
    numbers : int32 array, shape (6,)
    other : int32 or int16 array, shape (M, C), or without rows
    values : int32 or int16 array, shape (M, C), or without rows
    words : uint16 array, shape (M, words of 16), or without rows
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *given, row, place, lane = arguments
        made = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:6], given, strict=True)
        ]
        x, parameters, numbers, other, values, words = made
        wide = [kind.dtype.bitwidth == 32 for kind in signature.args[:6]]

        def sizes(array: Any) -> Any:
            return cgutils.unpack_tuple(builder, array.shape)

        def address(array: Any, row: Any, column: Any, size: int) -> Any:
            index = builder.add(builder.mul(row, sizes(array)[1]), column)
            base = builder.ptrtoint(array.data, _INT64)
            return builder.add(base, builder.mul(index, _INT64(size)))

        def load(array: Any, row: Any, is_wide: bool) -> Any:
            kind = _INT32 if is_wide else _INT16
            where = address(array, row, lane, 4 if is_wide else 2)
            pointer = builder.inttoptr(where, ir.VectorType(kind, LANES).as_pointer())
            found = builder.load(pointer, align=1)
            return found if is_wide else builder.sext(found, _VECTOR)

        def parameter(number: int) -> Any:
            return load(parameters, _INT64(number), True)

        def number(index: int) -> Any:
            found = builder.load(builder.gep(numbers.data, [_INT64(index)]))
            alone = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), found, _INT32(0))
            return builder.shuffle_vector(alone, alone, ir.Constant(_VECTOR, [0] * LANES))

        def clip(value: Any, low: Any, high: Any) -> Any:
            value = builder.select(builder.icmp_signed("<", value, low), low, value)
            return builder.select(builder.icmp_signed(">", value, high), high, value)

        def has_rows(array: Any) -> Any:
            return builder.icmp_signed(">", sizes(array)[0], _INT64(0))

        def store(value: Any, array: Any, column: Any, size: int) -> None:
            where = address(array, place, column, size)
            builder.store(value, builder.inttoptr(where, value.type.as_pointer()), align=1)

        scaled = builder.mul(parameter(MULTIPLIER), load(x, row, wide[0]))
        scaled = builder.ashr(builder.add(scaled, parameter(OFFSET)), number(0))
        y = cgutils.alloca_once_value(builder, clip(scaled, number(1), number(2)))
        with builder.if_then(has_rows(other)):
            total = builder.add(builder.load(y), load(other, place, wide[3]))
            builder.store(clip(total, number(3), number(4)), y)
        v = builder.add(builder.load(y), parameter(BEFORE))
        bent = builder.ashr(builder.mul(parameter(SLOPE), v), number(5))
        rises = builder.icmp_signed(">=", v, ir.Constant(_VECTOR, [0] * LANES))
        v = builder.add(builder.select(rises, v, bent), parameter(AFTER))
        with builder.if_then(has_rows(values)):
            kept = v if wide[4] else builder.trunc(v, ir.VectorType(_INT16, LANES))
            store(kept, values, lane, 4 if wide[4] else 2)
        with builder.if_then(has_rows(words)):
            fired = builder.bitcast(builder.icmp_signed(">=", v, parameter(LEAST)), _INT16)
            store(fired, words, builder.sdiv(lane, _INT64(LANES)), 2)
        return context.get_dummy_value()

    return types.void(x, parameters, numbers, other, values, words, row, place, lane), generate


@compiled(keep=False, inline="always")
def _finish(x, first, rows, other, parameters, numbers, values, words):
    """The run behind x (rows, C), whose windows begin with number `first`."""
    for row in range(rows):
        for lane in range(0, other.shape[1], LANES):
            _finish_vector(x, parameters, numbers, other, values, words, row, first + row, lane)  # type: ignore[call-arg]


@parallel
def _finish_integers(x, other, parameters, numbers, values, words):
    """A run on integers (M, C)."""
    for task in numba.prange(-(-len(x) // WINDOWS)):
        first = task * WINDOWS
        rows = min(WINDOWS, len(x) - first)
        _finish(x[first:], first, rows, other, parameters, numbers, values, words)


@parallel
def _finish_sums(x, start, step, weight, limit, share, other, parameters, numbers, values, words):
    """A run on what a convolution counts: see `convolution._count`."""
    windows = start.size // share
    for task in numba.prange(-(-len(x) // share)):
        image = task * share
        count = min(share, len(x) - image) * windows
        counts = np.empty((WINDOWS, len(weight), 32), np.int32)
        flat = counts.reshape(WINDOWS, len(weight) * 32)
        for begin in range(0, count, WINDOWS):
            rows = min(WINDOWS, count - begin)
            _tiles(x[image:], start[begin:], step, weight, limit, rows, counts)
            place = image * windows + begin
            _finish(flat, place, rows, other, parameters, numbers, values, words)
