"""Symmetric matrices by their lower triangle, in half of the memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from bitlight.heads.products import cross, padded

STRIP = 512  # rows


class Symmetric:
    """A symmetric float64 matrix, kept as strips of rows that end behind the diagonal.

    Parameters
    ----------
    size : int
    device : torch.device

    Examples
    --------
    >>> gram = Symmetric(2, torch.device("cpu"))
    >>> gram.add_products(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    >>> gram @ torch.eye(2, dtype=torch.float64)
    tensor([[10., 14.],
            [14., 20.]], dtype=torch.float64)
    """

    def __init__(self, size: int, device: torch.device) -> None:
        self.size = size
        self.device = device
        shapes = [(rows.stop - rows.start, rows.stop) for rows in _strips(size)]
        # More than one where the matrix is a sum: see `plus`.
        self._addends = [[torch.zeros(s, dtype=torch.float64, device=device) for s in shapes]]

    def __getstate__(self) -> dict[str, Any]:
        # As NumPy arrays, which travel between processes without being copied.
        arrays = [[strip.cpu().numpy() for strip in strips] for strips in self._addends]
        return {"size": self.size, "device": str(self.device), "addends": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.size, self.device = state["size"], torch.device(state["device"])
        self._addends = [
            [
                torch.from_numpy(np.require(array, requirements="W")).to(self.device)
                for array in some
            ]
            for some in state["addends"]
        ]

    def plus(self, other: "Symmetric") -> "Symmetric":
        """The sum of both, which takes no memory: it follows what is added to either."""
        both = Symmetric(0, self.device)
        both.size, both._addends = self.size, self._addends + other._addends
        return both

    def strips(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """Go through the rows: which, and their columns up to the last of these rows."""
        for index, rows in enumerate(_strips(self.size)):
            first, *others = (strips[index] for strips in self._addends)
            yield rows, sum(others, first)

    def add_products(self, block: torch.Tensor, weight: float = 1.0) -> None:
        """Add weight·blockᵀ·block of a block of `products.blocks`."""
        if block.dtype is torch.int8:
            block = padded(block)
        for rows, strip in self.strips():
            product = cross(block[:, rows], block[:, : rows.stop])
            strip.add_(product if weight == 1 else weight * product.double())

    def add(self, other: "Symmetric") -> None:
        """Add another matrix."""
        for (_, strip), (_, further) in zip(self.strips(), other.strips(), strict=True):
            strip.add_(further.to(self.device))

    def add_outer(self, a: torch.Tensor, b: torch.Tensor) -> None:
        """Add a·bᵀ + b·aᵀ of two vectors."""
        for rows, strip in self.strips():
            end = slice(0, rows.stop)
            strip.addr_(a[rows], b[end]).addr_(b[rows], a[end])

    def __matmul__(self, vectors: torch.Tensor) -> torch.Tensor:
        """Product with float64 vectors, shape (size, k)."""
        product = torch.zeros_like(vectors)
        for rows, strip in self.strips():
            product[rows] += strip @ vectors[: rows.stop]
            # Twice as fast as the transposed strip times the vectors.
            product[: rows.start] += (vectors[rows].T @ strip[:, : rows.start]).T
        return product


def _strips(size: int) -> Iterator[slice]:
    for start in range(0, size, STRIP):
        yield slice(start, min(start + STRIP, size))
