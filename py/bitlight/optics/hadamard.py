"""Hadamard transforms of single vectors, in registers as far as they reach.

A vector of 2^k numbers is transformed by k levels of sums and differences of numbers that are 1, 2,
4, … apart. The first eight levels take 256 numbers at a time, sixteen registers of sixteen; the
others three levels at a time, of registers that are far apart.
"""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from bitlight.kernels.compiled import compiled

LANES = 16
BLOCK = 256  # the shortest vector
_INT16, _INT32, _INT64, _FLOAT = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)


def _number(value: float) -> Any:
    return ir.Constant(_VECTOR, [value] * LANES)


def _pointer(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _load(builder: Any, kind: Any, base: Any, offset: Any) -> Any:
    """What lies `offset` bytes behind a pointer."""
    return builder.load(_behind(builder, kind, base, offset), align=2)


def _behind(builder: Any, kind: Any, base: Any, offset: Any) -> Any:
    offset = _INT64(offset) if isinstance(offset, int) else offset
    return builder.inttoptr(builder.add(builder.ptrtoint(base, _INT64), offset), kind.as_pointer())


def _levels(builder: Any, vectors: list[Any]) -> list[Any]:
    """Sums and differences among vectors, at all distances."""
    distance = 1
    while distance < len(vectors):
        vectors = [
            builder.fadd(vector, vectors[n + distance])
            if n & distance == 0
            else builder.fsub(vectors[n - distance], vector)
            for n, vector in enumerate(vectors)
        ]
        distance *= 2
    return vectors


def _levels_inside(builder: Any, vector: Any) -> Any:
    """Sums and differences among the lanes of a vector, at all distances."""
    distance = 1
    while distance < LANES:
        order = ir.Constant(ir.VectorType(_INT32, LANES), [n ^ distance for n in range(LANES)])
        signs = [1.0 if n & distance == 0 else -1.0 for n in range(LANES)]
        other = builder.shuffle_vector(vector, vector, order)
        vector = builder.fadd(other, builder.fmul(vector, ir.Constant(_VECTOR, signs)))
        distance *= 2
    return vector


@intrinsic
def begin(typing: Any, given: Any, signs: Any, out: Any) -> Any:
    """Eight levels of 256 numbers, each with a sign.

    Parameters
    ----------
    given : float32 array of numbers, or uint16 array whose bits are the numbers 0 and 1
    signs : uint16 array; a number is negated where the bit is 1
    out : float32 array
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, sign, target = (
            _pointer(context, builder, kind, value)
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        vectors = []
        for n in range(BLOCK // LANES):
            negative = builder.bitcast(_load(builder, _INT16, sign, 2 * n), _MASK)
            if given.dtype is types.uint16:
                there = builder.bitcast(_load(builder, _INT16, source, 2 * n), _MASK)
                number = builder.select(negative, _number(-1.0), _number(1.0))
                number = builder.select(there, number, _number(0.0))
            else:
                plain = _load(builder, _VECTOR, source, 4 * LANES * n)
                number = builder.select(negative, builder.fneg(plain), plain)
            vectors.append(_levels_inside(builder, number))
        for n, vector in enumerate(_levels(builder, vectors)):
            place = _behind(builder, _VECTOR, target, 4 * LANES * n)
            builder.store(vector, place, align=2)
        return context.get_dummy_value()

    return types.void(given, signs, out), generate


@intrinsic(prefer_literal=True)
def proceed(typing: Any, values: Any, distance: Any, registers: Any) -> Any:
    """Levels of `registers` vectors of sixteen numbers, `distance` numbers apart; a literal."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base = _pointer(context, builder, signature.args[0], arguments[0])
        bytes_apart = builder.mul(arguments[1], _INT64(4))
        places = [
            _behind(builder, _VECTOR, base, builder.mul(bytes_apart, _INT64(n)))
            for n in range(registers.literal_value)
        ]
        vectors = _levels(builder, [builder.load(place, align=4) for place in places])
        for vector, place in zip(vectors, places, strict=True):
            builder.store(vector, place, align=4)
        return context.get_dummy_value()

    return types.void(values, types.int64, registers), generate


@compiled(keep=False, inline="always")
def transform(given, signs, out):
    """out = H·(signs ∘ given), H of ±1: float32 (n,), n = 256, 512, 1024, …"""
    size = len(out)
    step = BLOCK if len(given) == size else BLOCK // 16
    for block in range(size // BLOCK):
        here = signs[block * (BLOCK // 16) :]
        begin(given[block * step :], here, out[block * BLOCK :])  # type: ignore[call-arg]
    distance = BLOCK
    while distance < size:
        registers = min(8, size // distance)
        for base in range(0, size, distance * registers):
            for first in range(base, base + distance, 16):
                some = out[first:]
                if registers == 8:
                    proceed(some, distance, 8)  # type: ignore[call-arg]
                elif registers == 4:
                    proceed(some, distance, 4)  # type: ignore[call-arg]
                else:
                    proceed(some, distance, 2)  # type: ignore[call-arg]
        distance *= registers
