"""Nodes that take several values, or add up a window of them: integers on one grid, or refused.

A residual Add takes floats f·x + s of integers x, each channel with an f and s of its own. They are
multiples of one unit, being binary fractions; where all that can come up is a multiple that float32
holds, the graph adds without rounding, and a Network adds the same integers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import onnx

from bitlight.network.layers import Add, Affine, Concat, SumPool2d
from bitlight.network.values import Integers
from bitlight.qonnx.chain import Chain
from bitlight.qonnx.file import attributes, refusal
from bitlight.qonnx.imported import Code, Sums
from bitlight.qonnx.steps import INEXACT, arithmetic

# Values of all channels that are looked at to see whether a graph's arithmetic is exact.
MOST_ASKED = 1 << 27
_WIDE = -(1 << 31), (1 << 31) - 1


@dataclass(frozen=True)
class Term:
    """What a chain gives as factor·x + summand, for the integers x of `source`.

    Attributes
    ----------
    source : str
    factor, summand : list of Fraction, one for each channel
    """

    source: str
    factor: list[Fraction]
    summand: list[Fraction]


def add(chain: Chain, others: Sequence[Chain], node: onnx.NodeProto) -> None:
    """Add of values that both come from the input: a shortcut."""
    _add(chain, others, node, [1] * (1 + len(others)))


def subtract(chain: Chain, others: Sequence[Chain], node: onnx.NodeProto) -> None:
    """Sub of values that both come from the input."""
    _add(chain, others, node, [1, -1])


def scale_each(chain: Chain, node: onnx.NodeProto, scale: np.ndarray) -> None:
    """Levels with a scale of each channel as integers, which no layer takes, in one unit.

    Parameters
    ----------
    chain : Chain
        Its levels have the scale 1.
    node : onnx.NodeProto
    scale : float32 array, shape (channels,)
    """
    whole = _term_of_levels(chain, node, chain.codes(node))
    each = [Fraction(float(one)) for one in scale]
    term = Term(
        whole.source,
        [factor * one for factor, one in zip(whole.factor, each, strict=True)],
        [summand * one for summand, one in zip(whole.summand, each, strict=True)],
    )
    unit = _unit_of([term])
    source = _scaled(chain, node, term, unit)
    chain.give(node, source, Sums.on_grid(float(unit), chain.layout.n_channels))


def _add(chain: Chain, others: Sequence[Chain], node: onnx.NodeProto, signs: list[int]) -> None:
    """The sum of the values, each times its sign."""
    for other in others:
        if other.layout != chain.layout:
            raise refusal(
                node,
                f"adds {other.layout.graph_shape} to {chain.layout.graph_shape}: only values of "
                "one shape are added",
            )
    sources, unit = _on_one_grid(node, [chain, *others], signs)
    source = chain.building.append(node, Add(), *sources)
    _check_exact(node, chain.building.integers(source))
    chain.give(node, source, Sums.on_grid(unit, chain.layout.n_channels))


def concat(chain: Chain, others: Sequence[Chain], node: onnx.NodeProto) -> None:
    """Concat along channels: of levels with one scale, or of integers on one grid."""
    chains = [chain, *others]
    layouts = {replace(one.layout, shape=one.layout.shape[:-1]) for one in chains}
    axis = attributes(node).get("axis")
    axes = {"chw": (1, -3), "hwc": (3, -1), "n": (1, -1)}[chain.layout.axes]
    if len(layouts) > 1 or axis not in axes or (chain.layout.flat and chain.layout.axes != "n"):
        raise refusal(node, "must put images of one height and width, or vectors, side by side")
    channels = sum(one.layout.n_channels for one in chains)
    layout = replace(chain.layout, shape=(*chain.layout.shape[:-1], channels))
    codes = {one.code for one in chains}
    if None not in codes and len(codes) == 1:
        turned = [
            np.zeros(one.layout.n_channels, bool) if one.turned is None else one.turned
            for one in chains
        ]
        joined = np.concatenate(turned)
        chain.turned = joined if joined.any() else None
        chain.source = chain.building.append(node, Concat(), *(one.source for one in chains))
        chain.layout = layout
        return
    sources, unit = _on_one_grid(node, chains)
    source = chain.building.append(node, Concat(), *sources)
    chain.layout = layout
    chain.give(node, source, Sums.on_grid(unit, channels))


def average(chain: Chain, node: onnx.NodeProto, pool: SumPool2d) -> None:
    """The mean over windows: their sum, exact, and one division, rounded as float32 rounds."""
    shape = chain.layout.shape
    if len(shape) != 3 or not chain.layout.image:
        raise refusal(node, "must pool images (N, C, H, W)")
    count = math.prod(pool.window(shape)[0])
    channels = chain.layout.n_channels
    if chain.pending is None:
        code = chain.codes(node)
        source = _upright(chain, node)
        sums = Sums(code, np.full(channels, count, np.int64), np.ones(channels, np.float32))
        most = count * max(abs(code.lowest), abs(code.gain * code.top + code.lowest))
        _check_exact(node, Integers(-most, most))
    else:
        (source,), unit = _on_one_grid(node, [chain])
        sums = Sums.on_grid(unit, channels)
    source = chain.building.append(node, pool, source)
    if chain.pending is not None:
        _check_exact(node, chain.building.integers(source))
    chain.lay_out(node, chain.building.values[source].shape)
    chain.give(node, source, sums)
    step = arithmetic("Div", np.array([count], np.float32), False)
    assert step is not None
    chain.step(node, step)


def _upright(chain: Chain, node: onnx.NodeProto) -> str:
    """The levels of a chain, none of them turned over: 2·u − top, as integers where need be."""
    if chain.turned is None or not chain.turned.any():
        return chain.source
    signs, none = np.where(chain.turned, -1, 1), np.zeros(len(chain.turned), np.int64)
    top = chain.codes(node).top
    return chain.building.append(node, Affine(signs, none, 0, -top, top), chain.source)


def _check_exact(node: onnx.NodeProto, kind: Integers) -> None:
    _check_steps(node, max(abs(kind.low), abs(kind.high)))


def _check_steps(node: onnx.NodeProto, most: int) -> None:
    if most >= INEXACT:
        raise refusal(
            node,
            f"takes values whose scales are on no common grid of less than {INEXACT} steps, but "
            f"{most}, so that float32 would round; scales of powers of two, or one for all, do not",
        )


def _on_one_grid(
    node: onnx.NodeProto, chains: Sequence[Chain], signs: Sequence[int] = ()
) -> tuple[list[str], float]:
    """For each chain a node that gives its values, times its sign, in one unit; and this unit.

    Raises
    ------
    ExchangeError
        If a value is none of few multiples of a unit, so that the graph's floats are rounded.
    """
    terms = [_term(chain, node) for chain in chains]
    for number, sign in enumerate(signs):
        source, factor, summand = terms[number].source, terms[number].factor, terms[number].summand
        terms[number] = Term(source, [sign * f for f in factor], [sign * s for s in summand])
    unit = _unit_of(terms)
    return [
        _scaled(chain, node, term, unit) for chain, term in zip(chains, terms, strict=True)
    ], float(unit)


def _unit_of(terms: Sequence[Term]) -> Fraction:
    """The largest number of which all that the terms can be are multiples."""
    unit = Fraction(0)
    for term in terms:
        for part in {*term.factor, *term.summand}:
            unit = _common(unit, part)
    return unit or Fraction(1)


def _common(a: Fraction, b: Fraction) -> Fraction:
    """The largest number of which both are multiples."""
    both = a.denominator * b.denominator
    return Fraction(math.gcd(a.numerator * b.denominator, b.numerator * a.denominator), both)


def _scaled(chain: Chain, node: onnx.NodeProto, term: Term, unit: Fraction) -> str:
    factor = [int(part / unit) for part in term.factor]
    summand = [int(part / unit) for part in term.summand]
    _check_steps(node, max(map(abs, factor + summand)))
    is_integer = isinstance(chain.building.values[term.source].kind, Integers)
    if is_integer and set(factor) == {1} and set(summand) == {0}:
        return term.source
    layer = Affine(np.array(factor), np.array(summand, np.int64), 0, *_WIDE)
    source = chain.building.append(node, layer, term.source)
    _check_exact(node, chain.building.integers(source))
    return source


def _term(chain: Chain, node: onnx.NodeProto) -> Term:
    if chain.pending is None:
        return _term_of_levels(chain, node, chain.codes(node))
    chain.settle()
    pending = chain.pending
    assert pending is not None
    if pending.pools:
        raise refusal(pending.pools[0][0], "pools sums that are not quantised after it")
    kind = chain.building.integers(pending.source)
    sums = pending.sums
    least, step = sums.reachable(kind.low)
    most = kind.high - (kind.high - least) % step
    if (kind.high - kind.low) // step * len(least) > MOST_ASKED:
        raise refusal(node, f"takes {kind}, too many to see if the graph rounds one")
    begin, end = sums.floats(least), sums.floats(most)
    if not (np.isfinite(begin).all() and np.isfinite(end).all()):
        raise refusal(node, "takes values that are not finite")
    factor = [
        (Fraction(float(b)) - Fraction(float(a))) / max(int(width), 1)
        for a, b, width in zip(begin, end, most - least, strict=True)
    ]
    summand = [
        Fraction(float(a)) - int(x) * f for a, x, f in zip(begin, least, factor, strict=True)
    ]
    if not _is_affine(sums.floats, factor, summand, (least, most, step)):
        raise refusal(
            node,
            f"takes {sums.description}, which is rounded or bent: a quantiser before it, or a "
            "scale of powers of two, makes that exact",
        )
    return Term(pending.source, factor, summand)


def _term_of_levels(chain: Chain, node: onnx.NodeProto, code: Code) -> Term:
    """scale·(gain·u + lowest) with u = (x + top)/2; x is its negative where turned over."""
    channels = chain.layout.n_channels
    scale = Fraction(float(np.float32(code.scale)))
    half = scale * code.gain / 2
    turned = np.zeros(channels, bool) if chain.turned is None else chain.turned
    factor = [-half if over else half for over in turned]
    return Term(chain.source, factor, [half * code.top + scale * code.lowest] * channels)


def _is_affine(
    floats: Callable[[np.ndarray], np.ndarray],
    factor: list[Fraction],
    summand: list[Fraction],
    lattice: tuple[np.ndarray, np.ndarray, int],
) -> bool:
    """Whether the graph's floats are factor·x + summand for each integer, none of them rounded."""
    least, most, step = lattice
    slope, offset = ([float(part) for part in parts] for parts in (factor, summand))
    exact = all(
        Fraction(found) == part
        for found, part in zip([*slope, *offset], [*factor, *summand], strict=True)
    )
    if not exact:
        return False
    rows = max(1, (1 << 18) // len(slope))
    count = int(((most - least) // step).max()) + 1
    for begin in range(0, count, rows):
        number = np.arange(begin, min(begin + rows, count))[:, np.newaxis]
        x = np.minimum(least + step * number, most)
        # Of float32 values no more than 24 bits apart, these products are exact in float64.
        if not np.array_equal(floats(x), x * np.array(slope) + np.array(offset)):
            return False
    return True


JOINS: dict[tuple[str, str], Callable[[Chain, Sequence[Chain], onnx.NodeProto], None]] = {
    ("", "Add"): add,
    ("", "Concat"): concat,
    ("", "Sub"): subtract,
}
