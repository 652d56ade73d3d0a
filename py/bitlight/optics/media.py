"""Scattering media: field = R·x for binary x, with rows of R that follow from (seed, row) alone."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numba
import numpy as np

from bitlight.golden.tile import OUTPUTS, tile
from bitlight.optics import generator
from bitlight.optics.hadamard import BLOCK, transform

ROUNDS = 3  # of signs and Hadamard transforms
ROWS = 256  # of a Gaussian matrix at a time
FRAMES = 8  # of one tile


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
        return _squares(fields[0], fields[1])


class Gaussian(Medium):
    """I.i.d. complex normal entries, the reference: rows by Philox with the key (seed, row)."""

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
        found = np.empty((2, count, self.n_features), np.float32)
        for row in range(count):
            key = [self.seed & generator.FULL, first + row]
            rng = np.random.Generator(np.random.Philox(key=key))
            found[:, row] = rng.standard_normal((2, self.n_features), np.float32)
        return found * np.float32(np.sqrt(0.5))


class Binary(Medium):
    """Entries (±1 ± i)/√2 from the generator that hardware has too; exact sums by popcount."""

    def fields(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """As `sums`, with E|r|² = 1."""
        return self.sums(words, first, count) * np.float32(np.sqrt(0.5))

    def intensities(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """Half of re² + im², which is exact below 2^24."""
        re, im = self.sums(words, first, count)
        return _half_squares(re, im)

    def sums(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """Σ_k x_k·(±1) for real and imaginary parts: int32 array of shape (2, N, count)."""
        n, width = words.shape
        # Frames in whole tiles, and one of zeros that counts the ones of each row.
        frames = np.zeros((-(-(n + 1) // FRAMES) * FRAMES, width), np.uint32)
        frames[:n] = words
        start = np.arange(len(frames), dtype=np.int64) * (4 * width)
        step = np.arange(width, dtype=np.int64) * 4
        last = np.uint32((1 << ((self.n_features - 1) % 32 + 1)) - 1)
        blocks = -(-count // OUTPUTS)
        states = generator.starts(
            np.uint64(generator.origin(self.seed)), first, blocks * OUTPUTS
        ).reshape(blocks, OUTPUTS)
        found = np.empty((2, n, count), np.int32)
        _binary_sums(frames, start, step, states, last, found)
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
        """By transforms of each frame."""
        found = np.empty((2, len(words), count), np.float32)
        for signs, place, part, size in self._blocks(first, count):
            views = found[0, :, place : place + size], found[1, :, place : place + size]
            _structured_fields(self._frames(words), signs, part, self._scale, *views)
        return found

    def intensities(self, words: np.ndarray, first: int, count: int) -> np.ndarray:
        """By transforms of each frame, and squares while the fields are in the cache."""
        found = np.empty((len(words), count), np.float32)
        for signs, place, part, size in self._blocks(first, count):
            view = found[:, place : place + size]
            _structured_squares(self._frames(words), signs, part, self._scale, view)
        return found

    @property
    def _scale(self) -> np.float32:
        """From sums to fields."""
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


@numba.njit(parallel=True, cache=True, nogil=True)
def _squares(re, im):
    found = np.empty(re.shape, np.float32)
    for n in numba.prange(len(re)):
        for j in range(re.shape[1]):
            found[n, j] = re[n, j] * re[n, j] + im[n, j] * im[n, j]
    return found


@numba.njit(parallel=True, cache=True, nogil=True)
def _half_squares(re, im):
    found = np.empty(re.shape, np.float32)
    for n in numba.prange(len(re)):
        for j in range(re.shape[1]):
            a, b = np.int64(re[n, j]), np.int64(im[n, j])
            found[n, j] = np.float32(a * a + b * b) * np.float32(0.5)
    return found


@numba.njit(parallel=True, cache=True, nogil=True)
def _binary_sums(frames, start, step, states, last, out):
    """Blocks of 32 rows, of which no more is in memory than threads work on."""
    width = frames.shape[1]
    n, count = out.shape[1:]
    no_limit = np.zeros(OUTPUTS, np.int32)
    for block in numba.prange(len(states)):
        rows = np.empty((2, width, OUTPUTS), np.uint32)
        generator.fill(states[block], rows[0], rows[1])
        found = np.empty((len(frames), OUTPUTS), np.int32)
        first = block * OUTPUTS
        for part in range(2):
            for row in range(OUTPUTS):
                rows[part, width - 1, row] &= last
            for frame in range(0, len(frames), FRAMES):
                some, sums = start[frame:], found[frame:]
                tile(frames, some, step, rows[part], no_limit, sums, FRAMES)  # type: ignore[call-arg]
            for frame in range(n):
                for j in range(first, min(first + OUTPUTS, count)):
                    out[part, frame, j] = found[frame, j - first] - found[n, j - first]


@numba.njit(parallel=True, cache=True, nogil=True)
def _structured_fields(frames, signs, first, scale, real, imaginary):
    size = 16 * frames.shape[1]
    for n in numba.prange(len(frames)):
        a, b = np.empty(size, np.float32), np.empty(size, np.float32)
        transform(frames[n], signs[0], a)
        transform(a, signs[1], a)
        transform(a, signs[2], b)
        transform(a, signs[3], a)
        for j in range(real.shape[1]):
            real[n, j] = b[first + j] * scale
            imaginary[n, j] = a[first + j] * scale


@numba.njit(parallel=True, cache=True, nogil=True)
def _structured_squares(frames, signs, first, scale, out):
    size = 16 * frames.shape[1]
    for n in numba.prange(len(frames)):
        a, b = np.empty(size, np.float32), np.empty(size, np.float32)
        transform(frames[n], signs[0], a)
        transform(a, signs[1], a)
        transform(a, signs[2], b)
        transform(a, signs[3], a)
        for j in range(out.shape[1]):
            re, im = b[first + j] * scale, a[first + j] * scale
            out[n, j] = re * re + im * im
