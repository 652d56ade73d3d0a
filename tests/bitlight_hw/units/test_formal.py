"""Proofs about small units, for all behaviours of a source and a sink: rules, order and values.

The stream rules are proven for ever, by k-induction; the values of all beats over two images or
more, by bounded model checking. `docs/verification.md` lists sizes and depths.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from amaranth import Array, C, Cat, ClockDomain, Module, Mux, Signal
from amaranth.hdl import Assert, Elaboratable
from broken import Broken
from formal import Contract, Expected, proven

from bitlight_hw import timing
from bitlight_hw.family import FAMILIES
from bitlight_hw.units import Gearbox, MatrixVector, OrPool, Pad, Slide, Unit, Window
from bitlight_hw.units.recall import Recall

# Cycles that a proof goes beyond what images take at full rate.
SLACK = 6
# Steps of an induction: a rule is asserted two cycles behind its breach.
INDUCTION = 8


@dataclass
class Case:
    """A unit, the input beats of some images, and the output beats of each as lists of indices."""

    unit: Unit
    shape: tuple[int, ...]  # of an image, in input beats
    images: int = 2
    patience: int = 0

    @property
    def beats(self):
        return self.images * int(np.prod(self.shape))

    def contract(self, unit=None):
        return Contract(unit or self.unit, self.beats, self.reference, self.patience)

    def reference(self, inputs):
        places = np.arange(self.beats).reshape(self.images, *self.shape)
        outputs, latest = [], 0
        for image in places:
            for payload, used in self.outputs(inputs, image):
                latest = max(latest, *(int(place) + 1 for place in used))
                outputs.append(Expected(payload, latest))
        return outputs

    def depth(self):
        """Cycles that all beats take at full rate, and some more."""
        per_image = (
            len(self.reference([C(0, len(self.unit.i.payload))] * self.beats)) // self.images
        )
        beats_in = self.beats // self.images
        trace = timing.run(self.unit.timing, beats_in, per_image, self.images)
        return int(trace.completed[-1]) + SLACK


class Geared(Case):
    def outputs(self, inputs, image):
        unit = self.unit
        units = [
            (inputs[beat].word_select(part, unit.unit_bits), beat)
            for beat in image
            for part in range(unit.n)
        ]
        for first in range(0, len(units), unit.m):
            values, used = zip(*units[first : first + unit.m], strict=True)
            yield Cat(values), used


class Padded(Case):
    def outputs(self, inputs, image):
        unit = self.unit
        frame = [(unit.rows, unit.rows), (unit.columns, unit.columns), (0, 0)]
        for place in np.pad(image, frame, constant_values=-1).ravel():
            inside = place >= 0
            payload = inputs[place] if inside else C(unit.value, unit.width)
            yield payload, [place if inside else image.flat[0]]


def windows(image, kernel, stride):
    (tall, wide), (down, along) = kernel, stride
    for y in range(0, image.shape[0] - tall + 1, down):
        for x in range(0, image.shape[1] - wide + 1, along):
            yield image[y : y + tall, x : x + wide].ravel()


class Slid(Case):
    def outputs(self, inputs, image):
        for window in windows(image, self.unit.kernel, self.unit.stride):
            yield Cat(inputs[place] for place in window), window


class Windowed(Case):
    def outputs(self, inputs, image):
        for window in windows(image, *self.form):
            for place in np.tile(window, self.unit.repeats):
                yield inputs[place], [place]


class Pooled(Case):
    def outputs(self, inputs, image):
        unit = self.unit
        for first in range(0, unit.length - unit.kernel + 1, unit.stride):
            for beats in image[first : first + unit.kernel].T:
                payload = inputs[beats[0]]
                for place in beats[1:]:
                    payload = payload | inputs[place]
                yield payload, beats


class Multiplied(Case):
    """A pass is what one result is made of: each neuron fold has its own, or all share one."""

    def outputs(self, inputs, image):
        unit = self.unit
        passes = image.reshape(-1, unit.synapse_folds)
        shared = unit.input_stationary
        for fold in range(unit.neuron_folds):
            used = passes[0 if shared else fold]
            vector = Cat(inputs[place] for place in used)
            outputs = range(fold * unit.pe, (fold + 1) * unit.pe)
            yield Cat(self.result(vector, output) for output in outputs), used

    def result(self, vector, output):
        unit = self.unit
        weight = unit.weight[output]
        levels = (1 << unit.bits) - 1
        total = sum(
            (2 * x - levels) if w else (levels - 2 * x)
            for x, w in zip(
                [vector.word_select(k, unit.bits) for k in range(len(weight))], weight, strict=True
            )
        )
        if unit.threshold is None:
            return total[: unit.result.width]
        return total >= int(unit.threshold[output])


def windowed(height, across, kernel, stride, *, inner=1, repeats=1, depth=0, images=2):
    unit = Window(
        1,
        height=height,
        across=across,
        inner=inner,
        kernel=kernel,
        stride=stride,
        repeats=repeats,
        depth=depth,
    )
    case = Windowed(unit, (height, across, inner), images, patience=2)
    case.form = kernel, stride
    return case


def multiplied(dataflow, *, shape=(2, 4), simd=2, bits=1, scores=False):
    rng = np.random.default_rng(3)
    threshold = None if scores else np.arange(shape[0])
    unit = MatrixVector(
        rng.random(shape) < 0.5, threshold, pe=1, simd=simd, bits=bits, dataflow=dataflow
    )
    passes = 1 if unit.input_stationary else unit.neuron_folds
    turns = unit.neuron_folds if unit.input_stationary else 1
    patience = 5 + turns * unit.synapse_folds
    return Multiplied(unit, (passes * unit.synapse_folds,), 2, patience)


def padded(height, across, inner, rows, columns):
    size = {"height": height, "across": across, "inner": inner, "rows": rows, "columns": columns}
    return Padded(Pad(1, **size, value=1), (height, across, inner))


def slid(height, across, kernel, stride):
    unit = Slide(1, height=height, across=across, kernel=kernel, stride=stride)
    return Slid(unit, (height, across))


def pooled(inner, length, kernel, stride):
    unit = OrPool(1, inner=inner, length=length, kernel=kernel, stride=stride)
    return Pooled(unit, (length, inner))


CASES = [
    pytest.param(Geared(Gearbox(1, 3, 1), (3,)), id="gearbox 1 to 3"),
    pytest.param(Geared(Gearbox(3, 1, 1), (2,)), id="gearbox 3 to 1"),
    pytest.param(Geared(Gearbox(2, 3, 1), (3,)), id="gearbox 2 to 3"),
    pytest.param(Geared(Gearbox(3, 2, 1), (2,)), id="gearbox 3 to 2"),
    pytest.param(padded(1, 2, 1, 1, 1), id="pad on all sides"),
    pytest.param(slid(2, 3, (2, 2), (1, 1)), id="slide"),
    pytest.param(slid(2, 3, (1, 2), (2, 1)), id="slide with a line left over"),
    pytest.param(windowed(1, 3, (1, 1), (1, 1)), id="queue of two words"),
    pytest.param(windowed(2, 2, (2, 1), (1, 1)), id="ring"),
    pytest.param(windowed(1, 2, (1, 2), (1, 1), repeats=2, depth=3), id="ring, repeated"),
    pytest.param(windowed(2, 2, (1, 1), (2, 2), depth=2), id="ring with its base ahead"),
    pytest.param(pooled(1, 4, 2, 2), id="pool"),
    pytest.param(pooled(1, 5, 3, 2), id="pool that overlaps"),
    pytest.param(multiplied("output"), id="matrix-vector, output-stationary"),
    pytest.param(multiplied("input"), id="matrix-vector, input-stationary"),
]
LARGER = [
    pytest.param(multiplied("input", scores=True), id="matrix-vector, scores"),
    pytest.param(multiplied("output", shape=(1, 8), simd=1), id="matrix-vector, one result held"),
    pytest.param(padded(2, 2, 2, 0, 1), id="pad at the sides"),
    pytest.param(slid(3, 3, (2, 2), (1, 1)), id="slide"),
    pytest.param(slid(3, 4, (2, 2), (1, 2)), id="slide with a stride"),
    pytest.param(windowed(3, 3, (1, 1), (2, 2), depth=2), id="ring with its base ahead"),
    pytest.param(pooled(2, 5, 3, 2), id="pool that overlaps, two beats a pixel"),
    pytest.param(multiplied("output", bits=2, scores=True), id="matrix-vector, two bit planes"),
]
# A fault behind each kind of unit: one without registers, a ring, and a pipeline.
FAULTY = [
    Geared(Gearbox(3, 1, 1), (2,)),
    windowed(1, 3, (1, 1), (1, 1)),
    multiplied("input"),
]


@pytest.mark.parametrize("case", CASES)
def test_keeps_the_rules_for_ever(case, tmp_path):
    assert proven(Contract(case.unit), tmp_path, INDUCTION, induction=True)


@pytest.mark.parametrize("case", CASES)
def test_no_beat_is_lost_doubled_or_changed(case, tmp_path):
    assert proven(case.contract(), tmp_path, case.depth())


@pytest.mark.slow
@pytest.mark.parametrize("case", LARGER)
def test_larger_units_keep_the_rules_and_all_beats(case, tmp_path):
    assert proven(Contract(case.unit), tmp_path, INDUCTION, induction=True)
    assert proven(case.contract(), tmp_path, case.depth())


@pytest.mark.parametrize("dataflow", [pytest.param("output", marks=pytest.mark.slow), "input"])
def test_the_popcount_for_fpgas(dataflow, tmp_path):
    """The same for the running parities that an FPGA gets, which take all five stages."""
    case = multiplied(dataflow)
    xc7 = FAMILIES["xc7"]
    assert proven(Contract(case.unit), tmp_path, INDUCTION, induction=True, family=xc7)
    assert proven(case.contract(), tmp_path, case.depth(), family=xc7)


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: type(case.unit).__name__)
@pytest.mark.parametrize("fault", ["withdraws", "changes"])
def test_a_broken_rule_is_found(case, fault, tmp_path):
    assert not proven(Contract(Broken(case.unit, fault)), tmp_path, INDUCTION, induction=True)


@pytest.mark.parametrize("case", FAULTY, ids=lambda case: type(case.unit).__name__)
@pytest.mark.parametrize("fault", ["loses", "doubles"])
def test_a_lost_or_doubled_beat_is_found(case, fault, tmp_path):
    assert not proven(case.contract(Broken(case.unit, fault, at=1)), tmp_path, case.depth())


def test_a_wrong_value_is_found(tmp_path):
    case = multiplied("output")
    unit = case.unit
    weight = unit.weight.copy()
    weight[1, 3] ^= True
    faulty = MatrixVector(weight, unit.threshold, pe=unit.pe, simd=unit.simd, bits=unit.bits)
    assert not proven(case.contract(faulty), tmp_path, case.depth())


class Recalling(Elaboratable):
    """A Recall that is stepped at will, beside the words that were left at each position."""

    def __init__(self, depth):
        self.recall = Recall(1, depth)
        self.clock = ClockDomain("sync", reset_less=True)
        self.step, self.update = Signal(), Signal()
        self.ports = [self.step, self.update, self.clock.clk]

    def elaborate(self, platform):
        m = Module()
        m.domains += self.clock
        m.submodules.recall = recall = self.recall
        position = Signal(range(recall.depth + 1))
        last = position == recall.depth - 1
        words = Array([Signal(name=f"word{index}") for index in range(recall.depth)])
        m.d.comb += [
            recall.step.eq(self.step),
            recall.update.eq(self.update),
            Assert(recall.last == last),
        ]
        # Before the first round there is no word that was left, and `state` may be anything.
        left = Signal()
        with m.If(left):
            m.d.comb += Assert(recall.state == words[position])
        with m.If(self.step):
            m.d.sync += position.eq(Mux(last, 0, position + 1))
            m.d.sync += [words[position].eq(self.update), left.eq(left | last)]
        return m


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_recall_gives_the_word_left_at_each_position(depth, tmp_path):
    assert proven(Recalling(depth), tmp_path, 4 * depth + 4)
