"""Scattering media: field = R·x for binary x, with rows of R that follow from (seed, row) alone."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from bitlight.errors import OpticsError
from bitlight.kernels.tile import OUTPUTS
from bitlight.optics import generator, loops
from bitlight.optics.hadamard import BLOCK
from bitlight.optics.memory import demand

ROUNDS = 3  # of signs and Hadamard transforms
ROWS = 256  # of a Gaussian matrix at a time


class Medium(ABC):
    """Rows of R, i.i.d. or nearly so, with E|r|² = 1 for every entry.

    Parameters
    ----------
    n_features : int, elements of x
    seed : int
    """

    def __init__(self, n_features: int, seed: int) -> None:
        self.n_features = n_features
        self.seed = seed

    @abstractmethod
    def fields(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """Fields of the components first … first + count − 1.

        Parameters
        ----------
        words : uint32 array, shape (N, ⌈n_features / 32⌉)
            Packed frames, as `bits.pack_words` gives them.

        Returns
        -------
        float32 array, shape (2, N, count): real and imaginary parts
        """

    def intensities(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """|field|², float32 array of shape (N, count)."""
        fields = self.fields(words, first, count)
        return loops.squares(fields[0], fields[1])

    def counts(
        self, words: np.ndarray, first: int, scale: float, offset: float, top: int, out: np.ndarray
    ) -> None:
        """Write min(⌊offset + scale · intensity⌋, top) of as many components as `out` has.

        Parameters
        ----------
        words : as for `fields`
        out : uint8 or uint16 array, shape (N, count)
        """
        light = self.intensities(words, first, out.shape[1])
        loops.count(light, np.float32(scale), np.float32(offset), np.float32(top), out)

    @abstractmethod
    def rows(self, first: int, count: int) -> np.ndarray:
        """Rows of R, real and imaginary parts: float32 array of shape (2, count, n_features)."""

    def materialise(self, count: int) -> None:
        """Keep the first rows in memory; Gaussian media alone can.

        Raises
        ------
        OpticsError
            If the medium is another, or memory does not suffice.
        """
        raise OpticsError("materialise is for the gaussian medium: others compute R faster")


class Gaussian(Medium):
    """I.i.d. complex normal entries, the reference: rows by Philox with the key (seed, row)."""

    _kept: np.ndarray | None = None

    def materialise(self, count: int) -> None:
        """Keep the first rows in memory: 8 bytes for each entry."""
        what = f"{count:,} rows of {self.n_features:,} entries"
        demand(8 * count * self.n_features, what, "leave out materialise")
        kept = np.empty((2, count, self.n_features), np.float32)
        for start in range(0, count, ROWS):
            kept[:, start : start + ROWS] = self.rows(start, min(ROWS, count - start))
        self._kept = kept

    def fields(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """By matrix products in float32, some rows at a time."""
        x = _unpacked(words, self.n_features)
        found = np.empty((2, len(words), count), np.float32)
        for start in range(0, count, ROWS):
            rows = self.rows(first + start, min(ROWS, count - start))
            for part in range(2):
                found[part, :, start : start + ROWS] = x @ rows[part].T
        return found

    def rows(self, first: int, count: int) -> np.ndarray:
        """Rows of R: float32 array of shape (2, count, n_features)."""
        if self._kept is not None and first + count <= self._kept.shape[1]:
            return self._kept[:, first : first + count]
        found = np.empty((2, count, self.n_features), np.float32)
        generator.normals(self.seed, first, found)
        found *= np.float32(np.sqrt(0.5))
        return found


class Binary(Medium):
    """Entries (±1 ± i)/√2 from the generator that hardware has too; exact sums by popcount."""

    def fields(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """As `sums`, with E|r|² = 1."""
        return self.sums(words, first, count) * np.float32(np.sqrt(0.5))

    def intensities(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """Half of re² + im², which is exact below 2^24."""
        re, im = self.sums(words, first, count)
        return loops.half_squares(re, im)

    def rows(self, first: int, count: int) -> np.ndarray:
        """Rows of R, from the generator."""
        states = generator.starts(np.uint64(generator.origin(self.seed)), first, count)
        words = np.empty((2, -(-self.n_features // 32), count), np.uint32)
        generator.fill(states, words[0], words[1])
        negative = _unpacked(words.transpose(0, 2, 1), self.n_features)
        return (1 - 2 * negative) * np.float32(np.sqrt(0.5))

    def sums(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """Σ_k x_k·(±1) for real and imaginary parts: int32 array of shape (2, N, count)."""
        n, width = words.shape
        # Frames in whole tiles, and one of zeros that counts the ones of each row.
        frames = np.zeros((-(-(n + 1) // loops.FRAMES) * loops.FRAMES, width), np.uint32)
        frames[:n] = words
        start = np.arange(len(frames), dtype=np.int64) * (4 * width)
        step = np.arange(width, dtype=np.int64) * 4
        last = np.uint32((1 << ((self.n_features - 1) % 32 + 1)) - 1)
        blocks = -(-count // OUTPUTS)
        states = generator.starts(
            np.uint64(generator.origin(self.seed)), first, blocks * OUTPUTS
        ).reshape(blocks, OUTPUTS)
        found = np.empty((2, n, count), np.int32)
        loops.binary_sums(frames, start, step, states, last, found)
        return found


class Structured(Medium):
    """Rounds of random signs and Hadamard transforms: the more components, the cheaper each.

    With H the Hadamard matrix of N = 2^k ≥ n_features rows (256 at least), v = H·D₂·H·D₁·x, and the
    real and the imaginary parts of N components are H·D₃·v and H·D₄·v, D with random signs on its
    diagonal. Further components come from further signs.
    """

    def __init__(self, n_features: int, seed: int) -> None:
        super().__init__(n_features, seed)
        self.size = max(BLOCK, 1 << (n_features - 1).bit_length())

    def fields(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """Fields of frames, each by fast Hadamard transforms."""
        found = np.empty((2, len(words), count), np.float32)
        for signs, place, part, size in self._blocks(first, count):
            views = found[0, :, place : place + size], found[1, :, place : place + size]
            loops.structured_fields(self._frames(words), signs, part, self._scale, *views)
        return found

    def intensities(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """By transforms of each frame, and squares while the fields are in the cache."""
        found = np.empty((len(words), count), np.float32)
        for signs, place, part, size in self._blocks(first, count):
            view = found[:, place : place + size]
            loops.structured_squares(self._frames(words), signs, part, self._scale, view)
        return found

    def counts(
        self, words: np.ndarray, first: int, scale: float, offset: float, top: int, out: np.ndarray
    ) -> None:
        """By transforms of each frame, and counts while the fields are in the cache."""
        limits = np.float32(scale), np.float32(offset), np.float32(top)
        for signs, place, part, size in self._blocks(first, out.shape[1]):
            view = out[:, place : place + size]
            loops.structured_counts(self._frames(words), signs, part, self._scale, *limits, view)

    def signs(self, block: int) -> np.ndarray:
        """Diagonals of one block: int8 array of ±1, shape (4, N)."""
        packed = self._signs(block).view(np.uint8)
        return 1 - 2 * np.unpackbits(packed, axis=-1, bitorder="little").astype(np.int8)

    def rows(self, first: int, count: int) -> np.ndarray:
        """Rows of R, by transforms of unit vectors: slow, for small media."""
        one = np.zeros((self.n_features, -(-self.n_features // 32)), np.uint32)
        element = np.arange(self.n_features)
        one[element, element // 32] = np.uint32(1) << (element % 32).astype(np.uint32)
        return np.ascontiguousarray(self.fields(one, first, count).transpose(0, 2, 1))

    @property
    def _scale(self) -> np.float32:
        """The factor from a sum of ±1 products to the field that it stands for."""
        return np.float32(self.size**-1.0 * np.sqrt(0.5))

    def _frames(self, words: np.ndarray) -> np.ndarray:
        """Frames as wide as the transform, in words of 16 bits."""
        frames = np.zeros((len(words), self.size // 32), np.uint32)
        frames[:, : words.shape[1]] = words
        return frames.view(np.uint16)

    def _blocks(self, first: int, count: int) -> Iterator[tuple[np.ndarray, int, int, int]]:
        """(signs, place among those asked for, first within the block, components) of blocks."""
        for block in range(first // self.size, -(-(first + count) // self.size)):
            begin = max(first, block * self.size)
            end = min(first + count, (block + 1) * self.size)
            yield self._signs(block), begin - first, begin - block * self.size, end - begin

    def _signs(self, block: int) -> np.ndarray:
        """Diagonals of one block: uint16 array, shape (4, N / 16)."""
        states = generator.starts(np.uint64(generator.origin(self.seed)), 2 * block, 2)
        words = np.empty((2, self.size // 32, 2), np.uint32)
        generator.fill(states, words[0], words[1])
        return np.ascontiguousarray(words.transpose(0, 2, 1).reshape(4, -1)).view(np.uint16)


MEDIA: dict[str, type[Medium]] = {
    "gaussian": Gaussian,
    "binary": Binary,
    "structured": Structured,
}


def _unpacked(words: np.ndarray, n: int) -> np.ndarray:
    """Frames of packed bits as float32 numbers."""
    flat = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(flat, axis=-1, count=n, bitorder="little").astype(np.float32)
