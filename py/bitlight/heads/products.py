"""Products of features, batch by batch: as fast as float32 and, for bits and uint8, exact."""

from collections.abc import Iterator

import numpy as np

# Sums of so many products of two values of −128 to 127 are exact in float32: 2^10 · 2^14 = 2^24.
BATCH = 1024


def offset_for(X: np.ndarray) -> np.ndarray:
    """Where to count the features of data like X from, so that their products lose no digits.

    Returns
    -------
    float64 array, shape (features,)
        128 for uint8 and bits, which makes float32 products of a batch exact; for floats the mean
        of the first batch.
    """
    if X.dtype in (np.uint8, np.bool_):
        return np.full(X.shape[1], 128.0)
    return X[:BATCH].mean(axis=0, dtype=np.float64).astype(np.float32).astype(np.float64)


def precision(X: np.ndarray) -> np.dtype:
    """Type of the products: float64 if X is float64, else float32."""
    return np.result_type(X.dtype, np.float32)


def batches(X: np.ndarray, offset: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Go through X (N, features) by rows: which rows, and these less the offset as floats."""
    dtype = precision(X)
    for start in range(0, len(X), BATCH):
        rows = slice(start, start + BATCH)
        yield rows, X[rows].astype(dtype) - offset.astype(dtype)


def gram_of_rows(X: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Products (x − offset)·(x' − offset) of all pairs of rows: float64 array, shape (N, N)."""
    dtype = precision(X)
    gram = np.zeros((len(X), len(X)))
    for start in range(0, X.shape[1], BATCH):
        columns = slice(start, start + BATCH)
        block = X[:, columns].astype(dtype) - offset[columns].astype(dtype)
        gram += block @ block.T
    return gram
