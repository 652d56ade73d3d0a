"""Products of features, batch by batch: exact for bits and uint8, in float32 or float64 else.

Bits and uint8 become int8, whose products the processor's matrix instructions (VNNI, AMX, tensor
cores) sum in 32 bits; where there are none, float32 sums of batches short enough are as exact.
"""

from collections.abc import Iterator

import numpy as np

from bitlight.heads.place import Array, Place, dtype_of

# 2^12 products of two values of −128 to 127 are at most 2^26: far from the end of 32 bits.
INTEGER_ROWS = 4096
# 2^10 of them are at most 2^24, which float32 still counts one by one.
FLOAT_ROWS = 1024


def offset_for(X: np.ndarray) -> np.ndarray:
    """Where to count the features of data like X from, so that their products lose no digits.

    Returns
    -------
    float64 array, shape (features,)
        For bits and uint8 0, or 128 if a value is above 127, so that they fit int8; for floats the
        mean of the first batch.
    """
    if integral(X):
        return np.full(X.shape[1], 128.0 * (X.max(initial=0) > 127))
    return X[:FLOAT_ROWS].mean(axis=0, dtype=np.float64).astype(np.float32).astype(np.float64)


def integral(X: np.ndarray) -> bool:
    """Whether X is bits or uint8, whose products are exact."""
    return X.dtype in (np.uint8, np.bool_)


def batches(X: np.ndarray, offset: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Go through X (N, features) by rows: which rows, and these less the offset as floats.

    They are float64 if X is float64, else float32.
    """
    dtype = np.result_type(X.dtype, np.float32)
    for start in range(0, len(X), FLOAT_ROWS):
        rows = slice(start, start + FLOAT_ROWS)
        yield rows, X[rows].astype(dtype) - offset.astype(dtype)


def blocks(X: np.ndarray, offset: np.ndarray, place: Place) -> Iterator[tuple[slice, Array]]:
    """Go through X by rows: which rows, and these less the offset, as `cross` multiplies them."""
    if not (fits(X, offset) and place.integers):
        for rows, batch in batches(X, offset):
            yield rows, place.put(batch)
        return
    for start in range(0, len(X), INTEGER_ROWS):
        rows = slice(start, start + INTEGER_ROWS)
        # Turning the highest bit over is subtracting 128; reversed columns would be no tensor.
        shifted = np.ascontiguousarray(X[rows]).view(np.uint8) ^ offset.astype(np.uint8)
        yield rows, place.put(shifted.view(np.int8))


def fits(X: np.ndarray, offset: np.ndarray) -> bool:
    """Whether X less the offset is int8."""
    if not integral(X) or not np.isin(offset, (0, 128)).all():
        return False
    return bool((offset == 128).all()) or int(X.max(initial=0)) <= 127


def is_int8(block: Array) -> bool:
    """Whether a block, of NumPy or torch, is int8."""
    return dtype_of(block) == np.int8


def cross(left: Array, right: Array, place: Place) -> Array:
    """leftᵀ·right of two blocks with the same rows: int32 from int8, else the floats' own type.

    Sums are exact in int32 for up to 2^17 rows, in float32 of integers for up to `FLOAT_ROWS`.

    Examples
    --------
    >>> from bitlight.heads.place import Memory
    >>> cross(np.array([[-128], [3]], np.int8), np.array([[2], [5]], np.int8), Memory())
    array([[-241]], dtype=int32)
    """
    return place.cross_int8(left, right) if is_int8(left) else left.T @ right


def gram_of_rows(X: np.ndarray, offset: np.ndarray, place: Place) -> np.ndarray:
    """Products (x − offset)·(x' − offset) of all pairs of rows: float64 array, shape (N, N)."""
    gram = place.zeros((len(X), len(X)))
    step = INTEGER_ROWS if fits(X, offset) and place.integers else FLOAT_ROWS
    for start in range(0, X.shape[1], step):
        columns = slice(start, start + step)
        parts = [block for _, block in blocks(X[:, columns], offset[columns], place)]
        block = parts[0] if len(parts) == 1 else place.join(parts)
        gram += cross(block.T, block.T, place)
    return place.fetch(gram)
