"""MatrixVector: sums of ±1 products in plain integers, and what becomes of them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from elaborated import Elaborated
from streams import PAUSES, Pauses, beats, check

from bitlight import FoldingError
from bitlight_hw.family import FAMILIES, SIMULATION, Family
from bitlight_hw.units import MatrixVector

FPGA = FAMILIES["xc7"]
BOTH = pytest.mark.parametrize("family", [SIMULATION, FPGA], ids=lambda family: family.name)
EITHER = pytest.mark.parametrize("dataflow", ["output", "input"])


@dataclass
class Case:
    outputs: int
    fan_in: int
    pe: int
    simd: int
    bits: int = 1
    vectors: int = 6
    top: int | None = None
    dataflow: str = "output"
    family: Family = SIMULATION

    @property
    def highest(self):
        return (1 << self.bits) - 1 if self.top is None else self.top

    @property
    def reach(self):
        return self.highest * self.fan_in

    def unit(self, weight, threshold):
        unit = MatrixVector(
            weight,
            threshold,
            pe=self.pe,
            simd=self.simd,
            bits=self.bits,
            top=self.top,
            dataflow=self.dataflow,
        )
        return Elaborated(unit, self.family)

    def sent(self, vector):
        """Beats of one vector, as often as the unit wants them."""
        times = self.outputs // self.pe if self.dataflow == "output" else 1
        return times * beats(vector, self.simd, self.bits)

    def weight(self, rng):
        return rng.random((self.outputs, self.fan_in)) < 0.5

    def inputs(self, rng, weight):
        """Vectors, the first two of them with the largest and the smallest sum of a row."""
        top = self.highest
        vectors = rng.integers(0, top + 1, (self.vectors, self.fan_in))
        vectors[0], vectors[1] = top * weight[0], top * ~weight[-1]
        return vectors

    def sums(self, weight, vectors):
        levels = 2 * vectors - self.highest
        return levels @ np.where(weight, 1, -1).T

    def check(self, weight, threshold, vectors, pauses):
        sums = self.sums(weight, vectors)
        results, width = (
            (sums, int(self.reach).bit_length() + 1)
            if threshold is None
            else (sums >= np.asarray(threshold, np.int64), 1)
        )
        sent = [self.sent(vector) for vector in vectors]
        expected = [beats(result, self.pe, width) for result in results]
        check(self.unit(weight, threshold), sent, expected, pauses)


CASES = [
    pytest.param(Case(6, 12, 2, 3), id="folded both ways"),
    pytest.param(Case(6, 12, 6, 12), id="not folded"),
    pytest.param(Case(4, 10, 1, 1), id="one lane"),
    pytest.param(Case(3, 8, 3, 2), id="all neurons at once"),
    pytest.param(Case(5, 7, 1, 7), id="all inputs at once"),
    pytest.param(Case(1, 1, 1, 1), id="one weight"),
    pytest.param(Case(2, 134, 1, 67), id="more lanes than one popcount"),
    pytest.param(Case(2, 130, 1, 65), id="one lane more than a popcount"),
    *(pytest.param(Case(4, 9, 2, 3, bits), id=f"pixels of {bits} bits") for bits in (2, 3, 5, 8)),
    *(
        pytest.param(Case(4, 9, 2, 3, top.bit_length(), top=top), id=f"levels 0 to {top}")
        for top in (2, 4, 5, 9, 200)
    ),
    pytest.param(Case(1, 65, 1, 65, 3), id="wide pixels"),
    *(pytest.param(Case(folds, 4, 1, 2), id=f"{folds} folds of neurons") for folds in range(2, 6)),
]


@pytest.mark.parametrize(
    ("family", "pauses"),
    [*((SIMULATION, pauses) for pauses in PAUSES), (FPGA, PAUSES[0]), (FPGA, PAUSES[3])],
)
@EITHER
@pytest.mark.parametrize("case", CASES)
def test_gives_scores(case, dataflow, family, pauses):
    case = replace(case, dataflow=dataflow, family=family)
    rng = np.random.default_rng(6)
    weight = case.weight(rng)
    vectors = case.inputs(rng, weight)
    assert case.sums(weight, vectors)[0, 0] == case.reach
    assert case.sums(weight, vectors)[1, -1] == -case.reach
    case.check(weight, None, vectors, pauses)


@BOTH
@EITHER
@pytest.mark.parametrize("case", CASES)
def test_a_sum_equal_to_the_threshold_gives_1(case, dataflow, family):
    case = replace(case, dataflow=dataflow, family=family)
    rng = np.random.default_rng(7)
    weight = case.weight(rng)
    vectors = case.inputs(rng, weight)
    # Each threshold lies on one of the sums of its row, or just above it.
    sums = case.sums(weight, vectors)
    met = sums[rng.integers(len(vectors), size=case.outputs), np.arange(case.outputs)]
    threshold = (met + rng.integers(2, size=case.outputs)).astype(np.int32)
    case.check(weight, threshold, vectors, PAUSES[3])


@BOTH
@EITHER
@pytest.mark.parametrize(("fan_in", "simd", "bits"), [(6, 3, 1), (6, 2, 1), (3, 1, 2)])
def test_every_vector_against_every_threshold(fan_in, simd, bits, dataflow, family):
    reach = ((1 << bits) - 1) * fan_in
    threshold = np.arange(-reach - 2, reach + 3, dtype=np.int32)
    case = Case(len(threshold), fan_in, 1, simd, bits, dataflow=dataflow, family=family)
    vectors = np.arange(1 << fan_in * bits)[:, None] >> bits * np.arange(fan_in) & (1 << bits) - 1
    case.check(case.weight(np.random.default_rng(11)), threshold, vectors, Pauses())


@BOTH
@pytest.mark.parametrize("offset", [-1, 0, 1, 2])
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("bits", [1, 3])
def test_thresholds_at_and_beyond_the_reach(bits, side, offset, family):
    case = Case(4, 6, 2, 3, bits, family=family)
    rng = np.random.default_rng(8)
    weight = case.weight(rng)
    threshold = np.full(4, side * case.reach + offset, np.int32)
    case.check(weight, threshold, case.inputs(rng, weight), PAUSES[-1])


@BOTH
@pytest.mark.parametrize("bits", [1, 8])
def test_thresholds_at_the_ends_of_int32(bits, family):
    case = Case(6, 8, 3, 2, bits, family=family)
    rng = np.random.default_rng(9)
    weight = case.weight(rng)
    least, most = np.iinfo(np.int32).min, np.iinfo(np.int32).max
    threshold = np.array([least, most, 0, most, least, 1], np.int32)
    case.check(weight, threshold, case.inputs(rng, weight), PAUSES[-1])


@BOTH
@pytest.mark.parametrize("value", [False, True])
@pytest.mark.parametrize("threshold", [None, np.array([4] * 6, np.int32)])
def test_equal_weights_and_thresholds_need_no_memory(value, threshold, family):
    case = Case(6, 8, 2, 4, family=family)
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
