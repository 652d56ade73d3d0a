"""Symmetric matrices by their lower triangle, in half of the memory."""

from collections.abc import Iterator
from operator import iadd
from typing import Any

import numpy as np

from bitlight.heads.place import Array, Place
from bitlight.heads.products import cross, is_int8

STRIP = 512  # rows


class Symmetric:
    """A symmetric float64 matrix, kept as strips of rows that end behind the diagonal.

    Parameters
    ----------
    size : int
    place : Place

    Examples
    --------
    >>> from bitlight.heads.place import Memory
    >>> gram = Symmetric(2, Memory())
    >>> gram.add_products(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> gram @ np.eye(2)
    array([[10., 14.],
           [14., 20.]])
    """

    def __init__(self, size: int, place: Place) -> None:
        self.size = size
        self.place = place
        shapes = [(rows.stop - rows.start, rows.stop) for rows in _strips(size)]
        # More than one where the matrix is a sum: see `plus`.
        self._addends = [[place.zeros(shape) for shape in shapes]]

    def __getstate__(self) -> dict[str, Any]:
        # As NumPy arrays, which travel between processes without being copied.
        arrays = [[self.place.fetch(strip) for strip in strips] for strips in self._addends]
        return {"size": self.size, "place": self.place, "addends": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.size, self.place = state["size"], state["place"]
        self._addends = [
            [self.place.put(np.require(array, requirements="W")) for array in some]
            for some in state["addends"]
        ]

    def plus(self, other: "Symmetric") -> "Symmetric":
        """The sum of both, which takes no memory: it follows what is added to either."""
        both = Symmetric(0, self.place)
        both.size, both._addends = self.size, self._addends + other._addends
        return both

    def strips(self) -> Iterator[tuple[slice, Array]]:
        """Go through the rows: which, and their columns up to the last of these rows."""
        for index, rows in enumerate(_strips(self.size)):
            first, *others = (strips[index] for strips in self._addends)
            yield rows, sum(others, first)

    def add_products(self, block: Array, weight: float = 1.0) -> None:
        """Add weight·blockᵀ·block of a block of `products.blocks`."""
        if is_int8(block):
            block = self.place.pad_int8(block)
        for rows, strip in self.strips():
            product = cross(block[:, rows], block[:, : rows.stop], self.place)
            further = product if weight == 1 else weight * self.place.cast(product, np.float64)
            iadd(strip, further)

    def add(self, other: "Symmetric") -> None:
        """Add another matrix."""
        for (_, strip), (_, further) in zip(self.strips(), other.strips(), strict=True):
            iadd(strip, self.place.put(other.place.fetch(further)))

    def add_outer(self, a: np.ndarray, b: np.ndarray) -> None:
        """Add a·bᵀ + b·aᵀ of two vectors."""
        a, b = self.place.put(a), self.place.put(b)
        for rows, strip in self.strips():
            strip[:] = self.place.plus_outer(strip, a[rows], b[: rows.stop])
            strip[:] = self.place.plus_outer(strip, b[rows], a[: rows.stop])

    def __matmul__(self, vectors: Array) -> Array:
        """Product with float64 vectors, shape (size, k), both where the matrix is."""
        product = self.place.zeros(tuple(vectors.shape))
        for rows, strip in self.strips():
            product[rows] += strip @ vectors[: rows.stop]
            # Twice as fast as the transposed strip times the vectors.
            product[: rows.start] += (vectors[rows].T @ strip[:, : rows.start]).T
        return product


def _strips(size: int) -> Iterator[slice]:
    for start in range(0, size, STRIP):
        yield slice(start, min(start + STRIP, size))
