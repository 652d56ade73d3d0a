"""The inner loop of the packed engine: one tile of windows × outputs, its sums in registers.

A word of 32 bits is either 32 binary inputs, whose share of m is popcount(x XOR w), or four pixels
of 8 bits, whose share is Σ x·w with w of 8 signed bits. Sixteen outputs lie side by side in a
vector. With AVX-512 a step is one XOR, one VPOPCNTD and one addition (VPOPCNTDQ), or one VPDPBUSD
(VNNI); elsewhere LLVM builds the same sums from what there is, slower.
"""

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

LANES = 16
OUTPUTS = 2 * LANES  # of one tile: the bits of one word of output
_INT8, _INT16, _INT32 = ir.IntType(8), ir.IntType(16), ir.IntType(32)
_BYTES, _SUMS = ir.VectorType(_INT8, 4 * LANES), ir.VectorType(_INT32, LANES)
_ADDRESS = ir.IntType(64)


@intrinsic(prefer_literal=True)
def tile(
    typing: Any, x: Any, start: Any, step: Any, weight: Any, limit: Any, out: Any, windows: Any
) -> Any:
    """Write the bits m ≤ limit, or m itself, of the first `windows` windows and of 32 outputs.

    Parameters
    ----------
    x : uint32 array of packed bits, or uint8 array of pixels
    start : int64 array, where each window begins in `x`, in bytes
    step : int64 array, shape (T,), where the words of a window are behind its start, in bytes
    weight : uint32 array, shape (T, 32), or int8 array, shape (T, 32, 4)
    limit : int32 array, shape (32,)
    out : uint32 array, shape (windows,), for bits; or int32 array, shape (windows, 32), for m
    windows : literal integer
    """
    add = _add_products if x.dtype is types.uint8 else _add_mismatches
    fires = out.dtype is types.uint32

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:6], arguments[:6], strict=True)
        ]
        x, start, step, weight, limit, out = (
            builder.ptrtoint(array.data, _ADDRESS) for array in arrays
        )
        words = cgutils.unpack_tuple(builder, arrays[2].shape)[0]
        stride = cgutils.unpack_tuple(builder, arrays[5].strides)[0]

        def place(base: Any, index: Any, size: Any) -> Any:
            return builder.add(base, builder.mul(_constant(index), _constant(size)))

        def load(kind: Any, address: Any) -> Any:
            return builder.load(builder.inttoptr(address, kind.as_pointer()), align=1)

        def vectors(address: Any) -> list[Any]:
            return [load(_SUMS, place(address, half, 64)) for half in range(OUTPUTS // LANES)]

        begins = [
            builder.add(x, load(_ADDRESS, place(start, n, 8))) for n in range(windows.literal_value)
        ]
        zero = ir.Constant(_SUMS, [0] * LANES)
        sums = [
            [cgutils.alloca_once_value(builder, zero) for _ in range(OUTPUTS // LANES)]
            for _ in begins
        ]
        with cgutils.for_range(builder, words) as loop:
            offset = load(_ADDRESS, place(step, loop.index, 8))
            weights = vectors(place(weight, loop.index, 4 * OUTPUTS))
            for begin, totals in zip(begins, sums, strict=True):
                word = _spread(builder, load(_INT32, builder.add(begin, offset)))
                for total, weighted in zip(totals, weights, strict=True):
                    builder.store(add(builder, builder.load(total), word, weighted), total)
        limits = vectors(limit) if fires else []
        for n, totals in enumerate(sums):
            result = [builder.load(total) for total in totals]
            parts = [_fired(builder, result, limits)] if fires else result
            for index, part in enumerate(parts):
                address = place(place(out, n, stride), index, 64)
                builder.store(part, builder.inttoptr(address, part.type.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(x, start, step, weight, limit, out, windows), generate


def _constant(value: Any) -> Any:
    return _ADDRESS(value) if isinstance(value, int) else value


def _spread(builder: Any, word: Any) -> Any:
    """A word of 32 bits in every lane."""
    alone = builder.insert_element(ir.Constant(_SUMS, ir.Undefined), word, _INT32(0))
    return builder.shuffle_vector(alone, alone, ir.Constant(_SUMS, [0] * LANES))


def _add_mismatches(builder: Any, total: Any, x: Any, weight: Any) -> Any:
    """total + popcount(x XOR weight) in each lane."""
    kind = ir.FunctionType(_SUMS, [_SUMS])
    popcount = cgutils.get_or_insert_function(builder.module, kind, f"llvm.ctpop.v{LANES}i32")
    return builder.add(total, builder.call(popcount, [builder.xor(x, weight)]))


def _add_products(builder: Any, total: Any, x: Any, weight: Any) -> Any:
    """total + Σ of four products, x of 8 bits and weight of 8 signed bits, in each lane."""
    if _multiplies():
        kind = ir.FunctionType(_SUMS, [_SUMS, _BYTES, _BYTES])
        dot = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.vpdpbusd.512")
        pair = [builder.bitcast(value, _BYTES) for value in (x, weight)]
        return builder.call(dot, [total, *pair])
    for shift in range(0, 32, 8):
        left, right = (ir.Constant(_SUMS, [n] * LANES) for n in (24 - shift, 24))
        pixel = builder.lshr(builder.shl(x, left), right)
        sign = builder.ashr(builder.shl(weight, left), right)
        total = builder.add(total, builder.mul(pixel, sign))
    return total


def _multiplies() -> bool:
    """Whether the processor that numba compiles for has VPDPBUSD on 512 bits."""
    given = config.CPU_FEATURES  # type: ignore[attr-defined]
    features = llvmlite.binding.get_host_cpu_features().flatten() if given is None else given
    return "+avx512vnni" in features.split(",")


def _fired(builder: Any, sums: list[Any], limits: list[Any]) -> Any:
    """A word of 32 bits: whether each of 32 sums is at most its limit."""
    word = _INT32(0)
    for index, (total, limit) in enumerate(zip(sums, limits, strict=True)):
        hits = builder.bitcast(builder.icmp_signed("<=", total, limit), _INT16)
        word = builder.or_(word, builder.shl(builder.zext(hits, _INT32), _INT32(LANES * index)))
    return word
