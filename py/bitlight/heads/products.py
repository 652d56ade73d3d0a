"""Products of features, batch by batch: exact for bits and uint8, in float32 or float64 else.

Bits and uint8 become int8, whose products the processor's matrix instructions (VNNI, AMX, tensor
cores) sum in 32 bits; where there are none, float32 sums of batches short enough are as exact.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.functional import pad

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


def blocks(
    X: np.ndarray, offset: np.ndarray, device: torch.device
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Go through X by rows: which rows, and these less the offset, as `cross` multiplies them."""
    if not (fits(X, offset) and multiplies_integers(device)):
        for rows, batch in batches(X, offset):
            yield rows, torch.from_numpy(batch).to(device)
        return
    for start in range(0, len(X), INTEGER_ROWS):
        rows = slice(start, start + INTEGER_ROWS)
        # Turning the highest bit over is subtracting 128; reversed columns would be no tensor.
        shifted = np.ascontiguousarray(X[rows]).view(np.uint8) ^ offset.astype(np.uint8)
        yield rows, torch.from_numpy(shifted.view(np.int8)).to(device)


def fits(X: np.ndarray, offset: np.ndarray) -> bool:
    """Whether X less the offset is int8."""
    if not integral(X) or not np.isin(offset, (0, 128)).all():
        return False
    return bool((offset == 128).all()) or int(X.max(initial=0)) <= 127


def multiplies_integers(device: torch.device) -> bool:
    """Whether int8 products are faster than float32 there."""
    return device.type == "cuda" or torch.cpu._is_vnni_supported()


def cross(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """leftᵀ·right of two blocks with the same rows: int32 from int8, else the floats' own type.

    Sums are exact in int32 for up to 2^17 rows, in float32 of integers for up to `FLOAT_ROWS`.

    Examples
    --------
    >>> cross(torch.tensor([[-128], [3]], dtype=torch.int8), torch.tensor([[2], [5]]).char())
    tensor([[-241]], dtype=torch.int32)
    """
    if left.dtype is not torch.int8:
        return left.T @ right
    # torch's int8 product wants multiples of 8 on CUDA, and is wrong for one column on the CPU;
    # there it keeps what it compiled for each number of rows: few different ones save memory.
    product = torch._int_mm(padded(left).T, padded(right))
    return product[: left.shape[1], : right.shape[1]]


def padded(block: torch.Tensor) -> torch.Tensor:
    """An int8 block with zeros behind it, in a shape that `cross` takes without a copy."""
    rows, columns = -block.shape[0] % 256, -block.shape[1] % 32
    return pad(block, (0, columns, 0, rows)) if rows or columns else block


def gram_of_rows(X: np.ndarray, offset: np.ndarray, device: torch.device) -> np.ndarray:
    """Products (x − offset)·(x' − offset) of all pairs of rows: float64 array, shape (N, N)."""
    gram = torch.zeros((len(X), len(X)), dtype=torch.float64, device=device)
    step = INTEGER_ROWS if fits(X, offset) and multiplies_integers(device) else FLOAT_ROWS
    for start in range(0, X.shape[1], step):
        columns = slice(start, start + step)
        parts = [block for _, block in blocks(X[:, columns], offset[columns], device)]
        block = torch.cat(parts).T
        gram += cross(block, block)
    return gram.cpu().numpy()
