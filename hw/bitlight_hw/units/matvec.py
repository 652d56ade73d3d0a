"""The matrix-vector unit: XOR, popcount, accumulate, threshold; PE rows × SIMD columns a cycle."""

from functools import cached_property
from typing import Any

import numpy as np
from amaranth import Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib.memory import Memory

from bitlight import FoldingError
from bitlight_hw.timing import GIVE, TAKE, Delay, Step
from bitlight_hw.units.unit import Unit, counter

STAGES = 3
# Verilator makes one instruction of a plain sum of up to so many bits.
POPCOUNT = 64


class MatrixVector(Unit):
    """o = [a ≥ threshold] or a, with a = (2^b − 1)·K − 2·m and m = Σ_n 2^n·popcount(x_n XOR w).

    Each accumulator starts from −L − 1, with L = ⌊((2^b − 1)·K − threshold) / 2⌋ the most
    mismatches that a 1 may have, so that its sign bit is the result. Without thresholds it starts
    from 0.

    `i` gives each vector of K elements OUT/PE times, K/SIMD beats each time; the outputs nf·PE …
    nf·PE + PE − 1 leave as one beat. One beat is taken in every cycle, (OUT/PE)·(K/SIMD) cycles
    for a vector; a result can be taken 3 cycles behind its last beat: weights and input, popcount,
    accumulator.

    Parameters
    ----------
    weight : bool array, shape (OUT, K)
    threshold : int array, shape (OUT,), or None for scores
    pe, simd : int
        Must divide OUT and K.
    bits : int, b, of an element of the input

    Raises
    ------
    FoldingError
        If PE or SIMD does not divide.
    """

    def __init__(
        self, weight: np.ndarray, threshold: np.ndarray | None, *, pe: int, simd: int, bits: int
    ) -> None:
        outputs, fan_in = weight.shape
        if pe < 1 or outputs % pe:
            raise FoldingError(f"PE must divide {outputs} outputs, not {pe}")
        if simd < 1 or fan_in % simd:
            raise FoldingError(f"SIMD must divide {fan_in} inputs, not {simd}")
        self.weight = weight
        self.threshold = threshold
        self.pe = pe
        self.simd = simd
        self.bits = bits
        self.neuron_folds = outputs // pe
        self.synapse_folds = fan_in // simd
        self.reach = ((1 << bits) - 1) * fan_in
        self.result = Shape.cast(1 if threshold is not None else range(-self.reach, self.reach + 1))
        super().__init__(simd * bits, pe * self.result.width)

    @cached_property
    def timing(self) -> tuple[Delay, Step]:
        """Three registers, then one result for each K/SIMD beats."""
        actions = np.full(self.synapse_folds, TAKE, np.uint8)
        actions[-1] |= GIVE
        return Delay(STAGES), Step(actions)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        synapse = counter(self.synapse_folds, "synapse")
        neuron = counter(self.neuron_folds, "neuron")
        address = counter(self.neuron_folds * self.synapse_folds, "address")
        enable = Signal()
        taken = Signal()
        valid = [Signal(name=f"valid{stage}") for stage in range(1, STAGES + 1)]
        first = [Signal(name=f"first{stage}") for stage in range(1, STAGES)]
        last = [Signal(name=f"last{stage}") for stage in range(1, STAGES + 1)]
        vector = Signal(self.simd * self.bits)
        neuron1 = Signal.like(neuron)

        m.d.comb += [
            self.o.valid.eq(valid[-1] & last[-1]),
            enable.eq(self.o.ready | ~self.o.valid),
            self.i.ready.eq(enable),
            taken.eq(self.i.valid & enable),
        ]
        with m.If(taken):
            m.d.sync += [
                vector.eq(self.i.payload),
                synapse.eq(synapse + 1),
                address.eq(address + 1),
                neuron1.eq(neuron),
                first[0].eq(synapse == 0),
                last[0].eq(synapse == self.synapse_folds - 1),
            ]
            with m.If(synapse == self.synapse_folds - 1):
                m.d.sync += [synapse.eq(0), neuron.eq(neuron + 1)]
                with m.If(neuron == self.neuron_folds - 1):
                    m.d.sync += [neuron.eq(0), address.eq(0)]
        with m.If(enable):
            m.d.sync += [
                Cat(valid).eq(Cat(self.i.valid, *valid[:-1])),
                first[1].eq(first[0]),
                Cat(last[1:]).eq(Cat(last[:-1])),
            ]

        results = []
        for pe in range(self.pe):
            weight = self._rom(m, f"weight{pe}", self._weights(pe), self.simd, address, taken)
            start = self._rom(
                m, f"start{pe}", self._starts(pe), self._sum.width, neuron1, enable & valid[0]
            )
            count = Signal(range(self.reach_per_beat + 1), name=f"count{pe}")
            total = Signal(self._sum, name=f"total{pe}")
            with m.If(enable & valid[0]):
                m.d.sync += count.eq(self._mismatches(m, vector, weight))
            with m.If(enable & valid[1]):
                m.d.sync += total.eq(Mux(first[1], start.as_signed(), total) + count)
            results.append(self._result(total))
        m.d.comb += self.o.payload.eq(Cat(results))
        return m

    @property
    def reach_per_beat(self) -> int:
        """The largest share of m that one beat can have."""
        return ((1 << self.bits) - 1) * self.simd

    @property
    def _sum(self) -> Shape:
        return Shape.cast(range(-self.reach - 1, self.reach + 1))

    def _mismatches(self, m: Module, vector: Value, weight: Value) -> Value:
        """Σ_n 2^n·popcount(x_n XOR w) of one beat, all planes of a lane as one number."""
        counts = []
        for first in range(0, self.simd, POPCOUNT):
            lanes = range(first, min(first + POPCOUNT, self.simd))
            differ = [
                vector.word_select(lane, self.bits) ^ weight[lane].replicate(self.bits)
                for lane in lanes
            ]
            count = Signal(range(len(lanes) * ((1 << self.bits) - 1) + 1))
            m.d.comb += count.eq(sum(differ[1:], start=differ[0]))
            counts.append(count)
        return sum(counts[1:], start=counts[0])

    def _result(self, total: Value) -> Value:
        if self.threshold is not None:
            return total[-1]
        return (self.reach - (total << 1))[: self.result.width]

    def _weights(self, pe: int) -> list[int]:
        rows = self.weight[pe :: self.pe].reshape(-1, self.simd)
        packed = np.packbits(rows, axis=-1, bitorder="little")
        return [int.from_bytes(row.tobytes(), "little") for row in packed]

    def _starts(self, pe: int) -> list[int]:
        if self.threshold is None:
            return [0]
        limit = (self.reach - self.threshold[pe :: self.pe].astype(np.int64)) // 2
        mask = (1 << self._sum.width) - 1
        return [(-int(most) - 1) & mask for most in np.clip(limit, -1, self.reach)]

    @staticmethod
    def _rom(
        m: Module, name: str, words: list[int], width: int, address: Value, enable: Value
    ) -> Value:
        """The word at `address`, one enabled cycle later; a constant where all words are equal."""
        if len(set(words)) == 1:
            return Const(words[0], width)
        m.submodules[name] = memory = Memory(shape=width, depth=len(words), init=words)
        read = memory.read_port()
        m.d.comb += [read.addr.eq(address), read.en.eq(enable)]
        return read.data
