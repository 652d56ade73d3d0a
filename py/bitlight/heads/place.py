"""Where the sums of a ridge head lie and are multiplied: NumPy's arrays, or torch's on a device.

What is done to them in `products`, `symmetric` and `moments` is written in the operators that both
have. Torch adds products of int8, and GPUs; without it the sums over bits and uint8 are the same to
the last bit, in float32.
"""

import importlib.util
from typing import Any, Protocol

import numpy as np

from bitlight.errors import HeadError

# An array of NumPy, or a tensor of torch.
Array = Any


def dtype_of(array: Array) -> np.dtype:
    """NumPy's dtype of an array of either kind."""
    return np.dtype(str(array.dtype).removeprefix("torch."))


class Place(Protocol):
    """Makes arrays, moves them, and multiplies int8."""

    integers: bool  # whether int8 products are faster than float32 here
    gpu: bool

    def put(self, array: np.ndarray) -> Array:
        """The array here, without a copy where it can be."""

    def fetch(self, array: Array) -> np.ndarray:
        """The array as NumPy's, without a copy where it can be."""

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """A new array of float64."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """A new array of a NumPy dtype."""

    def cast(self, array: Array, dtype: Any) -> Array:
        """The array in a NumPy dtype."""

    def join(self, blocks: list[Array]) -> Array:
        """Blocks one under the other."""

    def plus_outer(self, matrix: Array, a: Array, b: Array) -> Array:
        """matrix + a·bᵀ, a new array."""

    def cross_int8(self, left: Array, right: Array) -> Array:
        """leftᵀ·right of two blocks of int8 with the same rows, in int32."""

    def pad_int8(self, block: Array) -> Array:
        """A block with zeros after it, in a shape that `cross_int8` takes without a copy."""


class Memory:
    """The memory of this process, by NumPy."""

    integers = False
    gpu = False

    def __repr__(self) -> str:
        return "Memory()"

    def put(self, array: np.ndarray) -> np.ndarray:
        """The array itself, which lies here already."""
        return array

    def fetch(self, array: np.ndarray) -> np.ndarray:
        """The array itself, which lies here already."""
        return array

    def zeros(self, shape: tuple[int, ...]) -> np.ndarray:
        """A new float64 array of zeros."""
        return np.zeros(shape)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """A new array of a NumPy dtype, its values not set."""
        return np.empty(shape, dtype)

    def cast(self, array: np.ndarray, dtype: Any) -> np.ndarray:
        """The array in that dtype."""
        return array.astype(dtype, copy=False)

    def join(self, blocks: list[np.ndarray]) -> np.ndarray:
        """Blocks one under the other."""
        return np.concatenate(blocks)

    def plus_outer(self, matrix: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """By NumPy, in one new array."""
        found = np.multiply.outer(a, b)
        found += matrix
        return found

    def cross_int8(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """By float64, which is exact; only where int8 comes from another place."""
        return (left.T.astype(np.float64) @ right.astype(np.float64)).astype(np.int32)

    def pad_int8(self, block: np.ndarray) -> np.ndarray:
        """The block itself, because `cross_int8` takes any shape here."""
        return block


class Torch:
    """The memory of a device of torch: "cpu", "cuda" or another that is there."""

    def __init__(self, device: str) -> None:
        import torch

        from bitlight.devices import check_device

        self.torch = torch
        self.device = check_device(device, HeadError)
        self.gpu = self.device.type == "cuda"
        self.integers = self.gpu or torch.cpu._is_vnni_supported()

    def __repr__(self) -> str:
        return f"Torch({str(self.device)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Torch, (str(self.device),)

    def put(self, array: np.ndarray) -> Array:
        """The array as a tensor on the device."""
        return self.torch.from_numpy(np.require(array, requirements="W")).to(self.device)

    def fetch(self, array: Array) -> np.ndarray:
        """The tensor as an array in this process's memory."""
        found: np.ndarray = array.cpu().numpy()
        return found

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """A new float64 tensor of zeros on the device."""
        return self.torch.zeros(shape, dtype=self.torch.float64, device=self.device)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """A new tensor of a NumPy dtype on the device, its values not set."""
        return self.torch.empty(shape, dtype=self._dtype(dtype), device=self.device)

    def cast(self, array: Array, dtype: Any) -> Array:
        """The tensor in that dtype."""
        return array.to(self._dtype(dtype))

    def join(self, blocks: list[Array]) -> Array:
        """Blocks one under the other."""
        return self.torch.cat(blocks)

    def plus_outer(self, matrix: Array, a: Array, b: Array) -> Array:
        """matrix + a·bᵀ in one pass over the matrix."""
        return self.torch.addr(matrix, a, b)

    def cross_int8(self, left: Array, right: Array) -> Array:
        """By torch's own product, which the processor's matrix instructions do.

        It wants multiples of 8 on CUDA, and is wrong for one column on the CPU; there it keeps what
        it compiled for each number of rows: few different ones save memory.
        """
        product = self.torch._int_mm(self.pad_int8(left).T, self.pad_int8(right))
        return product[: left.shape[1], : right.shape[1]]

    def pad_int8(self, block: Array) -> Array:
        """A block with zeros after it: rows to a multiple of 256, columns to one of 32."""
        rows, columns = -block.shape[0] % 256, -block.shape[1] % 32
        if not rows and not columns:
            return block
        return self.torch.nn.functional.pad(block, (0, columns, 0, rows))

    def _dtype(self, dtype: Any) -> Any:
        return getattr(self.torch, np.dtype(dtype).name)


def place_of(device: str) -> Place:
    """Where a head's `device` is: torch's if torch is installed, else this process's memory.

    Raises
    ------
    HeadError
        If there is no such device, or it needs torch.
    """
    if importlib.util.find_spec("torch") is not None:
        return Torch(device)
    if device != "cpu":
        raise HeadError(
            f"device {device!r} needs torch, which is not installed; "
            "try: pip install 'bitlight[train]', or take cpu"
        )
    return Memory()
