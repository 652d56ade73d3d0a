"""Media: rows from (seed, row) alone, exact sums, fields and intensities that agree."""

import numpy as np
import pytest
from scipy.linalg import hadamard
from scipy.stats import kstest

from bitlight import OpticsError, bits
from bitlight.optics import generator
from bitlight.optics.hadamard import transform
from bitlight.optics.kernel import optical_kernel
from bitlight.optics.media import MEDIA, Binary, Structured

SHAPES = [(1, 5), (31, 40), (32, 300), (33, 257), (257, 33), (300, 1100)]


def frames(count, n, seed=0, ones=0.5):
    x = (np.random.default_rng(seed).random((count, n)) < ones).astype(np.uint8)
    return x, bits.pack_words(x)


def plain_rows(n, seed, first, count):
    """The generator in Python's own numbers, as its docstring says it: ±1 of each part."""
    full = (1 << 64) - 1
    state = generator.origin(seed)
    rows = []
    for row in range(first + count):
        state ^= state << 7 & full
        state ^= state >> 9
        y, words = state, []
        for _ in range(-(-n // 32) if row >= first else 0):
            y ^= y << 13 & full
            y ^= y >> 7
            y ^= y << 17 & full
            words.append(y)
        if row >= first:
            signs = [[1 - 2 * (w >> p + i & 1) for w in words for i in range(32)] for p in (0, 32)]
            rows.append([part[:n] for part in signs])
    return np.array(rows).transpose(1, 0, 2)


@pytest.mark.parametrize(("n", "count"), SHAPES)
def test_binary_sums_are_exact(n, count):
    x, words = frames(9, n)
    count = min(count, 50)
    rows = plain_rows(n, 7, 3, count)
    expected = np.einsum("nk,pjk->pnj", x.astype(int), rows)
    medium = Binary(n, 7)
    assert np.array_equal(medium.sums(words, 3, count), expected)
    assert np.array_equal(medium.intensities(words, 3, count), (expected**2).sum(axis=0) / 2)
    assert np.array_equal(np.sign(medium.rows(3, count)), rows)


@pytest.mark.parametrize("kind", MEDIA)
@pytest.mark.parametrize(("n", "count"), SHAPES)
def test_fields_are_rows_times_frames(kind, n, count):
    x, words = frames(5, n)
    medium = MEDIA[kind](n, 3)
    fields = medium.fields(words, 0, count)
    rows = medium.rows(0, count)
    assert rows.shape == (2, count, n)
    expected = np.einsum("nk,pjk->pnj", x.astype(float), rows.astype(float))
    assert fields == pytest.approx(expected, abs=2e-5 * n**0.5 + 1e-5)
    assert medium.intensities(words, 0, count) == pytest.approx(
        (expected**2).sum(axis=0), rel=1e-4, abs=1e-3
    )


@pytest.mark.parametrize("kind", MEDIA)
@pytest.mark.parametrize("n", [1, 33, 300])
def test_a_row_depends_on_seed_and_number_alone(kind, n):
    _, words = frames(4, n)
    whole = MEDIA[kind](n, 11).fields(words, 0, 1300)
    for first, count in ((0, 1), (0, 700), (5, 600), (511, 2), (1200, 100)):
        part = MEDIA[kind](n, 11).fields(words, first, count)
        expected = whole[:, :, first : first + count]
        if kind == "gaussian":  # its products may add up in another order
            assert part == pytest.approx(expected, rel=1e-5, abs=1e-5)
        else:
            assert np.array_equal(part, expected)
    assert not np.array_equal(MEDIA[kind](n, 12).fields(words, 0, 1300), whole)


@pytest.mark.parametrize("kind", MEDIA)
def test_entries_have_unit_variance_and_no_mean(kind):
    rows = MEDIA[kind](256, 0).rows(0, 2000)
    assert (rows**2).sum(axis=0).mean() == pytest.approx(1, abs=0.01)
    assert np.abs(rows.mean(axis=(1, 2))).max() < 0.005
    # In a structured block of N components this is a mean of N random signs.
    assert abs((rows[0] * rows[1]).mean()) < (0.03 if kind == "structured" else 0.005)


@pytest.mark.parametrize("size", [256, 512, 1024, 2048, 4096])
def test_hadamard_transform(size):
    rng = np.random.default_rng(size)
    given = rng.standard_normal(size).astype(np.float32)
    signs = rng.integers(0, 2, size, dtype=np.uint8)
    out = np.empty(size, np.float32)
    transform(given, np.packbits(signs, bitorder="little").view(np.uint16), out)
    expected = hadamard(size) @ (given * (1.0 - 2.0 * signs))
    assert out == pytest.approx(expected, abs=1e-3)


def kernel_errors(kind):
    """Relative errors of 50 kernel values from 4,096 components, each pair with its own seed."""
    x, words = frames(100, 100)
    found, exact = [], np.diag(optical_kernel(x[:50], x[50:]))
    for pair in range(50):
        y = MEDIA[kind](100, 1000 + pair).intensities(words[[pair, pair + 50]], 0, 4096)
        found.append(np.mean(y[0].astype(float) * y[1]))
    return np.array(found) / exact - 1


def test_kernels_of_all_media_are_the_exact_one():
    errors = {kind: kernel_errors(kind) for kind in MEDIA}
    for error in errors.values():
        assert abs(error.mean()) < 0.02
    for kind in ("binary", "structured"):
        assert errors[kind].std() < 1.2 * errors["gaussian"].std()


@pytest.mark.parametrize("kind", MEDIA)
def test_intensity_over_frames_is_exponential(kind):
    """2 % of ones: frames share few, so that the static field common to all of them is weak.

    Among dense frames it is not: with half of the features at 1, half of a pixel's field is the
    same in all frames, and only over pixels, or media, is the intensity exponential.
    """
    count, n, ones = 6000, 8000, 160
    rng = np.random.default_rng(1)
    words = np.zeros((count, n // 32), np.uint32)
    for _ in range(ones):
        element = rng.integers(0, n, count)
        words[np.arange(count), element // 32] |= np.uint32(1) << (element % 32).astype(np.uint32)
    weight = np.bitwise_count(words).sum(axis=1)
    contrasts, values = [], []
    for seed in range(5):
        y = MEDIA[kind](n, seed).intensities(words, 0, 1)[:, 0] / weight
        contrasts.append(y.std() / y.mean())
        values.append(y[seed::5] / y.mean())
    assert np.mean(contrasts) == pytest.approx(1, abs=0.02)
    assert kstest(np.concatenate(values), "expon").pvalue > 0.01


def test_only_gaussian_rows_are_kept():
    kept = MEDIA["gaussian"](40, 0)
    kept.materialise(70)
    _, words = frames(3, 40)
    assert np.array_equal(kept.fields(words, 0, 70), MEDIA["gaussian"](40, 0).fields(words, 0, 70))
    assert np.array_equal(kept.rows(60, 20), MEDIA["gaussian"](40, 0).rows(60, 20))
    with pytest.raises(OpticsError, match="for the gaussian medium"):
        Structured(40, 0).materialise(70)


@pytest.mark.parametrize("kind", MEDIA)
def test_large_seeds(kind):
    rows = MEDIA[kind](300, (1 << 64) - 3).rows(0, 20)
    assert not np.array_equal(rows[:, 0], rows[:, 1])
    assert not np.array_equal(rows, MEDIA[kind](300, (1 << 64) - 4).rows(0, 20))
