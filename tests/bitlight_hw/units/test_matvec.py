"""MatrixVector: sums of ±1 products in plain integers, and what becomes of them."""

from dataclasses import dataclass

import numpy as np
import pytest
from streams import PAUSES, Pauses, beats, check

from bitlight import FoldingError
from bitlight_hw.units import MatrixVector


@dataclass
class Case:
    outputs: int
    fan_in: int
    pe: int
    simd: int
    bits: int = 1
    vectors: int = 6

    @property
    def reach(self):
        return ((1 << self.bits) - 1) * self.fan_in

    def weight(self, rng):
        return rng.random((self.outputs, self.fan_in)) < 0.5

    def inputs(self, rng, weight):
        """Vectors, the first two of them with the largest and the smallest sum of a row."""
        top = (1 << self.bits) - 1
        vectors = rng.integers(0, top + 1, (self.vectors, self.fan_in))
        vectors[0], vectors[1] = top * weight[0], top * ~weight[-1]
        return vectors

    def sums(self, weight, vectors):
        levels = 2 * vectors - ((1 << self.bits) - 1)
        return levels @ np.where(weight, 1, -1).T

    def check(self, weight, threshold, vectors, pauses):
        unit = MatrixVector(weight, threshold, pe=self.pe, simd=self.simd, bits=self.bits)
        sums = self.sums(weight, vectors)
        results, width = (
            (sums, int(self.reach).bit_length() + 1)
            if threshold is None
            else (sums >= np.asarray(threshold, np.int64), 1)
        )
        folds = self.outputs // self.pe
        sent = [folds * beats(vector, self.simd, self.bits) for vector in vectors]
        expected = [beats(result, self.pe, width) for result in results]
        check(unit, sent, expected, pauses)


CASES = [
    pytest.param(Case(6, 12, 2, 3), id="folded both ways"),
    pytest.param(Case(6, 12, 6, 12), id="not folded"),
    pytest.param(Case(4, 10, 1, 1), id="one lane"),
    pytest.param(Case(3, 8, 3, 2), id="all neurons at once"),
    pytest.param(Case(5, 7, 1, 7), id="all inputs at once"),
    pytest.param(Case(1, 1, 1, 1), id="one weight"),
    pytest.param(Case(2, 192, 2, 96), id="more lanes than one popcount"),
    pytest.param(Case(2, 130, 1, 65), id="one lane more than a popcount"),
    *(
        pytest.param(Case(4, 9, 2, 3, bits), id=f"pixels of {bits} bits")
        for bits in range(2, 8 + 1)
    ),
    pytest.param(Case(1, 65, 1, 65, 3), id="wide pixels"),
]
IDS = [case.id for case in CASES]


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("case", CASES)
def test_gives_scores(case, pauses):
    rng = np.random.default_rng(6)
    weight = case.weight(rng)
    vectors = case.inputs(rng, weight)
    assert case.sums(weight, vectors)[0, 0] == case.reach
    assert case.sums(weight, vectors)[1, -1] == -case.reach
    case.check(weight, None, vectors, pauses)


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("case", CASES)
def test_a_sum_equal_to_the_threshold_gives_1(case, pauses):
    rng = np.random.default_rng(7)
    weight = case.weight(rng)
    vectors = case.inputs(rng, weight)
    # Each threshold lies on one of the sums of its row, or just above it.
    sums = case.sums(weight, vectors)
    met = sums[rng.integers(len(vectors), size=case.outputs), np.arange(case.outputs)]
    threshold = (met + rng.integers(2, size=case.outputs)).astype(np.int32)
    case.check(weight, threshold, vectors, pauses)


@pytest.mark.parametrize("offset", [-1, 0, 1, 2])
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("bits", [1, 3])
def test_thresholds_at_and_beyond_the_reach(bits, side, offset):
    case = Case(4, 6, 2, 3, bits)
    rng = np.random.default_rng(8)
    weight = case.weight(rng)
    threshold = np.full(4, side * case.reach + offset, np.int32)
    case.check(weight, threshold, case.inputs(rng, weight), PAUSES[-1])


@pytest.mark.parametrize("bits", [1, 8])
def test_thresholds_at_the_ends_of_int32(bits):
    case = Case(6, 8, 3, 2, bits)
    rng = np.random.default_rng(9)
    weight = case.weight(rng)
    least, most = np.iinfo(np.int32).min, np.iinfo(np.int32).max
    threshold = np.array([least, most, 0, most, least, 1], np.int32)
    case.check(weight, threshold, case.inputs(rng, weight), PAUSES[-1])


@pytest.mark.parametrize("value", [False, True])
@pytest.mark.parametrize("threshold", [None, np.array([4] * 6, np.int32)])
def test_equal_weights_and_thresholds_need_no_memory(value, threshold):
    case = Case(6, 8, 2, 4)
    vectors = case.inputs(np.random.default_rng(10), np.full((6, 8), value))
    case.check(np.full((6, 8), value), threshold, vectors, PAUSES[-1])


def test_a_flipped_weight_is_found():
    case = Case(6, 12, 2, 3)
    rng = np.random.default_rng(6)
    weight = case.weight(rng)
    vectors = case.inputs(rng, weight)
    flipped = weight.copy()
    flipped[3, 5] ^= True
    unit = MatrixVector(flipped, None, pe=2, simd=3, bits=1)
    sent = [3 * beats(vector, 3, 1) for vector in vectors]
    expected = [beats(sums, 2, 5) for sums in case.sums(weight, vectors)]
    with pytest.raises(AssertionError, match="^beat 1 is"):
        check(unit, sent, expected, Pauses())


@pytest.mark.parametrize(
    ("pe", "simd", "message"),
    [
        (4, 3, "PE must divide 6 outputs, not 4"),
        (0, 3, "PE must divide 6 outputs, not 0"),
        (-1, 3, "PE must divide 6 outputs, not -1"),
        (2, 5, "SIMD must divide 12 inputs, not 5"),
        (2, 0, "SIMD must divide 12 inputs, not 0"),
        (2, 24, "SIMD must divide 12 inputs, not 24"),
    ],
)
def test_refuses_a_folding_that_does_not_divide(pe, simd, message):
    with pytest.raises(FoldingError, match=f"^{message}$"):
        MatrixVector(np.ones((6, 12), bool), None, pe=pe, simd=simd, bits=1)
