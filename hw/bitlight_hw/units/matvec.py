"""The matrix-vector unit: XOR, popcount, accumulate, threshold; PE rows × SIMD columns a cycle."""

from functools import cached_property
from typing import Any, Literal

import numpy as np
from amaranth import Cat, Const, Module, Mux, Shape, Signal, Value

from bitlight import FoldingError
from bitlight_hw import area
from bitlight_hw import family as families
from bitlight_hw.estimate import Estimate
from bitlight_hw.timing import GIVE, TAKE, Part, Queue, Step
from bitlight_hw.units.accumulator import Accumulator
from bitlight_hw.units.contents import MOST_COLUMNS, Contents, side_parts
from bitlight_hw.units.outbox import give
from bitlight_hw.units.pipeline import delay
from bitlight_hw.units.popcount import Popcount
from bitlight_hw.units.recall import recall_estimate, recall_parts
from bitlight_hw.units.rom import LATENCY, Rom
from bitlight_hw.units.separate import separate
from bitlight_hw.units.unit import Unit, counter
from bitlight_hw.units.window import LATENCY as RING
from bitlight_hw.units.window import Window, ring

Dataflow = Literal["output", "input"]
# Two for the weights to be read, the three that the longest popcount has, the sum.
STAGES = 6
# Words of a ROM, up to which many of its bits are the same.
FEW_WORDS = 4
# Weights of a layer, from which on a bound is made without a look at what varies in block RAM.
LOOKED_AT = 1 << 14


class MatrixVector(Unit):
    """o = [a ≥ threshold] or a, with a = L·K − 2·m and m = Σ_n 2^n·popcount(x_n XOR w) − D·P.

    Inputs are levels 0 … L of b bits; D = 2^b − 1 − L is by how much they fall short of these bits,
    and P how many weights of the output are +1: NOT x is more than L − x by that, once for each. Of
    bits and whole pixels D is 0.

    Each accumulator starts from −M − 1 − D·P, with M = ⌊(L·K − threshold) / 2⌋ the most mismatches
    that a 1 may have, so that its sign bit is the result. Without thresholds it counts the
    mismatches with NOT w from −⌈L·K / 2⌉ − D·(K − P), so that a is twice its value, and one more if
    L·K is odd.

    A vector of K elements comes in K/SIMD beats, and takes (OUT/PE)·(K/SIMD) cycles. The outputs
    nf·PE … nf·PE + PE − 1 leave as one beat, in the order of nf = 0 … OUT/PE − 1.

    - Output-stationary: `i` gives each vector OUT/PE times, a beat in every cycle; PE sums are
      accumulated at a time. Results come at even distances.
    - Input-stationary: `i` gives each vector once; each beat stays for OUT/PE cycles, one for each
      of OUT/PE·PE sums. The results come in successive cycles with the vector's last beat.

    Nothing behind `i` waits: a beat passes six registers in six cycles, and the results go into a
    queue. The last beat of a sum is let in while the queue has a place for its result, which is
    lent until the result has left. There are as many places as are lent at full rate: one is a
    register, more are a ring. So a result can be taken 7 or 8 cycles behind the last beat that it
    needs, and `i.ready` depends on registers alone.

    Parameters
    ----------
    weight : bool array, shape (OUT, K)
    threshold : int array, shape (OUT,), or None for scores
    pe, simd : int
        Must divide OUT and K.
    bits : int, b, of an element of the input
    top : int, L; by default 2^b − 1
    dataflow : "output" or "input": what stays where it is

    Raises
    ------
    FoldingError
        If PE or SIMD does not divide.

    Examples
    --------
    >>> from bitlight_hw.units import feed
    >>> weight = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], bool)  # +1 +1 +1 −1, and −1 −1 −1 −1
    >>> unit = MatrixVector(weight, np.array([4, 4]), pe=2, simd=4, bits=1)
    >>> feed(unit, [0b0111, 0b0000])  # a = 4 and −2; −2 and 4: bit j is output j
    [1, 2]
    """

    def __init__(
        self,
        weight: np.ndarray,
        threshold: np.ndarray | None,
        *,
        pe: int,
        simd: int,
        bits: int,
        top: int | None = None,
        dataflow: Dataflow = "output",
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
        self.input_stationary = dataflow == "input" and self.neuron_folds > 1
        self.top = (1 << bits) - 1 if top is None else top
        self.reach = self.top * fan_in
        self.result = Shape.cast(1 if threshold is not None else range(-self.reach, self.reach + 1))
        super().__init__(simd * bits, pe * self.result.width)

    @cached_property
    def timing(self) -> tuple[Part, ...]:
        """The turns of a beat that stays; which steps give a result; the results' way."""
        turns = self._turns
        behind = Step(self._actions), Queue(self.places, self._latency)
        if turns == 1:
            return behind
        return Step(np.array([TAKE | GIVE] + [GIVE] * (turns - 1), np.uint8)), *behind

    @property
    def _actions(self) -> np.ndarray:
        """Of each step: the last beat of a sum gives its result."""
        actions = np.full((self.synapse_folds, self._turns), TAKE, np.uint8)
        actions[-1] |= GIVE
        return actions.ravel()

    @cached_property
    def places(self) -> int:
        """In the queue: as many as are lent at once if every result leaves when it can."""
        one = self._lent(STAGES + 1)
        return one if one == 1 else self._lent(STAGES + RING)

    @property
    def _latency(self) -> int:
        return STAGES + (1 if self.places == 1 else RING)

    def _lent(self, latency: int) -> int:
        """The most results in so many cycles, and in the one in which the first has left."""
        rounds, rest = divmod(latency + 1, self.synapse_folds * self._turns)
        return rounds * self._turns + min(rest, self._turns)

    @property
    def _turns(self) -> int:
        """Sums that are accumulated in turn."""
        return self.neuron_folds if self.input_stationary else 1

    def roms(self, family: families.Family) -> dict[str, Rom]:
        """The memories: weights as the family's popcount wants them, and starts of the sums."""
        return {name: Rom(held.words) for name, held in self.contents(family).items()}

    def contents(self, family: families.Family) -> dict[str, Contents]:
        """What the memories of `roms` hold, by name."""
        stored = Popcount.kind(family, self.bits).stored
        return {"weight": Contents(stored(self._words)), "start": Contents(self._starts)}

    def weight_bits(
        self, family: families.Family, output: int, place: int
    ) -> list[tuple[int, int, int]]:
        """Bits of the weight memory (address, lane, bit) that change with one weight."""
        neuron, lane = divmod(output, self.pe)
        synapse, column = divmod(place, self.simd)
        folds = (synapse, neuron) if self.input_stationary else (neuron, synapse)
        shape = (self.synapse_folds, self.neuron_folds)
        shape = shape if self.input_stationary else shape[::-1]
        address = int(np.ravel_multi_index(folds, shape))
        stored = Popcount.kind(family, self.bits).stored
        alone = np.arange(self.simd) == column
        changed = stored(alone) ^ stored(np.zeros(self.simd, bool))  # linear over XOR
        return [(address, lane, int(bit)) for bit in np.flatnonzero(changed)]

    @property
    def start_width(self) -> int:
        """Bits of a word of the start memory."""
        return self._sum.width

    def start_of(self, output: int) -> int:
        """What the sum of an output starts from."""
        return int(self._first_sums[output])

    def estimate(self, family: families.Family) -> Estimate:
        """Popcounts, sums and memories, with the counters that lead through them."""
        roms = self.contents(family).values()
        parts = self.parts(family)
        for rom in roms:
            parts += rom.parts(family)
        logic = area.logic(family, "matvec", parts)
        return logic + self._memories(family) + Estimate.total(rom.estimate(family) for rom in roms)

    def least_estimates(self, family: families.Family) -> list[Estimate]:
        """The same; of a large memory in block RAM all bits are taken to vary."""
        depth, width = self.neuron_folds * self.synapse_folds, self.pe * self.simd
        shape = family.rom_shape(depth, width)
        if self.weight.size < LOOKED_AT or self._looked_at(family):
            return [self.estimate(family)]
        start = Contents(self._starts)
        parts = self.parts(family) + start.parts(family)
        if shape is None:
            parts += area.columns_at_most(depth, width, family.lut_inputs)
            weights = Estimate()
        else:
            parts += side_parts(family, width, shape[1])
            weights = Estimate(blocks=family.cut(shape[0], shape[1] * width)[0])
        logic = area.logic(family, "matvec", parts)
        return [logic + self._memories(family) + start.estimate(family) + weights]

    def parts(self, family: families.Family) -> area.Parts:
        """What it has of each kind, without the memories of weights and starts."""
        outputs, sums = self.neuron_folds, self.synapse_folds
        kind = Popcount.kind(family, self.bits)
        kinds = area.Kinds(kind.stored(self._words)) if self._looked_at(family) else None
        width = self._sum.width
        count = min(width, (((1 << self.bits) - 1) * self.simd).bit_length())
        several = ("steps" if sums > 1 else "step") + ("_starts" if outputs > 1 else "_start")
        parts = area.Parts(
            {
                "one": 1,
                "address_bits": area.bits(outputs * sums),
                "input_stationary": int(self.input_stationary),
            }
        )
        parts += area.sums(family, several, width, self.pe)
        parts += area.Parts({f"{several}_counts": self.pe * count})
        parts += area.counter(family, outputs) + area.counter(family, sums)
        parts += kind.parts(family, self.pe, self.simd, self.bits, kinds)
        parts += area.registers(2 * self.simd * self.bits + self.payload_bits("o"))
        if self.places > 1:
            # Words of a queue: two places that move on and two distances.
            parts += area.Parts(queue=1, queue_bits=area.bits(self.places))
            parts += area.memory(family, self.places, self.payload_bits("o"))
        if self.input_stationary and outputs > 2:
            parts += recall_parts(family, self.pe * width, outputs - 2)
        return parts

    def _looked_at(self, family: families.Family) -> bool:
        """Whether what its weights have in common is found out, beside their number."""
        depth, lanes = self.neuron_folds * self.synapse_folds, self.pe * self.simd
        most = MOST_COLUMNS if depth > FEW_WORDS else 8 * MOST_COLUMNS
        return family.rom_shape(depth, lanes) is None and lanes <= most

    def _memories(self, family: families.Family) -> Estimate:
        """The queue, the sums that wait, and shift registers where tables can be these."""
        total = Estimate(buffer_bits=self.payload_bits("o"))
        if self.places > 1:
            total = family.ram_estimate(self.places, self.payload_bits("o"))
        if self.input_stationary and self.neuron_folds > 2:
            width = self.pe * self._sum.width
            total += recall_estimate(family, width, self.neuron_folds - 2)
        if family.shifts:
            total += Estimate(memory_luts=self._shifted)
        return total

    @property
    def _shifted(self) -> int:
        """Bits that pass three registers or more with nothing between them."""
        shifted = int(self.synapse_folds > 1)  # whether a step is the first of a sum
        if self.threshold is not None:  # which sums begin
            shifted += area.bits(self.neuron_folds)
        if self.bits == 1 and not self.input_stationary:  # lanes that no parity takes in
            shifted += (self.simd < 3) + (self.simd % 2 == 0)
        return shifted

    def _popcounts(self, family: families.Family) -> Popcount:
        return Popcount.of(family, self.pe, self.simd, self.bits)

    def _sums(self, family: families.Family) -> Accumulator:
        count = self._popcounts(family).count[0].shape()
        return Accumulator(self.pe, self._sum, count, self._turns)

    @property
    def queue(self) -> Window:
        """Where results wait."""
        return ring(self.payload_bits("o"), self.places)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        family = families.of(platform)
        kind = self._popcounts(family)
        popcounts = separate(m, platform, "popcount", kind)
        sums = separate(m, platform, "accumulator", self._sums(family))
        roms = self.roms(family)
        weight, start = (separate(m, platform, name, rom) for name, rom in roms.items())
        # A popcount of fewer stages comes later: words are read, then counted, then added up.
        added = STAGES - 1
        read = added - kind.stages

        step = Signal()
        room = Signal()
        address, neuron, fresh, first, last = self._count_through(m, step)
        # Of each register, whether a beat is in it, and whether that completes a sum.
        valid = Signal(added)
        done = Signal(STAGES)
        m.d.comb += [
            self.i.ready.eq(fresh & (room | ~last)),
            step.eq((self.i.valid | ~fresh) & (room | ~last)),
        ]
        m.d.sync += [valid.eq(Cat(step, valid)), done.eq(Cat(step & last, done))]

        vector = Signal(self.i.payload.shape(), reset_less=True)
        with m.If(fresh):
            m.d.sync += vector.eq(self.i.payload)
        m.d.comb += [
            weight.addr.eq(delay(m, address, read - LATENCY, "address")),
            weight.en.eq(valid[read - LATENCY]),
            popcounts.vector.eq(delay(m, vector, read - 1 - kind.early, "vector")),
            popcounts.en.eq(valid[read - 1]),
            start.addr.eq(delay(m, neuron, added - LATENCY, "neuron")),
            start.en.eq(valid[added - LATENCY]),
            sums.step.eq(valid[-1]),
            sums.first.eq(delay(m, first, added, "first")),
        ]
        for pe in range(self.pe):
            m.d.comb += [
                popcounts.words[pe].eq(roms["weight"].lane(pe, weight.data)),
                sums.start[pe].eq(roms["start"].lane(pe, start.data)),
                sums.count[pe].eq(popcounts.count[pe]),
                sums.carry[pe].eq(popcounts.carry[pe]),
            ]
        results = Cat(self._result(total) for total in sums.total)
        give(
            m,
            platform,
            self.queue,
            self.o,
            lent=step & last,
            room=room,
            done=done[-1],
            results=results,
        )
        return m

    def _count_through(self, m: Module, step: Value) -> tuple[Value, ...]:
        """Address and neuron fold of the present step; if it takes a beat, begins or ends sums."""
        address = counter(self.neuron_folds * self.synapse_folds, "address")
        if self.input_stationary:
            neuron, fresh, turned = _turn(m, step, self.neuron_folds, "neuron")
            _, first, last = _turn(m, step & turned, self.synapse_folds, "synapse")
        else:
            _, first, last = _turn(m, step, self.synapse_folds, "synapse")
            neuron, _, turned = _turn(m, step & last, self.neuron_folds, "neuron")
            fresh = Const(1)
        with m.If(step):
            m.d.sync += address.eq(Mux(turned & last, 0, address + 1))
        return address, neuron, fresh, first, last

    @property
    def _counts_matches(self) -> bool:
        """With scores; for thresholds mismatches are counted."""
        return self.threshold is None

    @cached_property
    def _words(self) -> np.ndarray:
        """Weights as they are read: shape (folds, PE, SIMD)."""
        folds = (self.neuron_folds, self.pe, self.synapse_folds, self.simd)
        words = (self.weight ^ self._counts_matches).reshape(folds)
        axes = (2, 0, 1, 3) if self.input_stationary else (0, 2, 1, 3)
        return words.transpose(axes).reshape(-1, self.pe, self.simd)

    @cached_property
    def _first_sums(self) -> np.ndarray:
        """What each output's accumulator starts from."""
        # What the bits of a level can be beyond the highest one counts as mismatches.
        beyond = (1 << self.bits) - 1 - self.top
        beyond = beyond * (self.weight ^ self._counts_matches).sum(axis=1, dtype=np.int64)
        if self.threshold is None:
            return -((self.reach + 1) // 2) - beyond
        limit = (self.reach - self.threshold.astype(np.int64)) // 2
        return -np.clip(limit, -1, self.reach) - 1 - beyond

    @property
    def _sum(self) -> Shape:
        """No wider than the thresholds need: most lie near the middle of the reach."""
        most = int(self._first_sums.max()) + ((1 << self.bits) - 1) * self.weight.shape[1]
        least = int(self._first_sums.min())
        return Shape.cast(range(min(least, -1), most + 1))

    @property
    def _starts(self) -> np.ndarray:
        digits = self._first_sums[:, None] >> np.arange(self._sum.width) & 1
        return digits.astype(bool).reshape(self.neuron_folds, self.pe, -1)

    def _result(self, total: Value) -> Value:
        if self.threshold is not None:
            return total[-1]
        return Cat(self.reach % 2, total)[: self.result.width]


def _turn(m: Module, step: Value, size: int, name: str) -> tuple[Value, Value, Value]:
    """A counter that goes around, and registers that tell whether it is at its first and last."""
    if size == 1:
        return Const(0, 1), Const(1), Const(1)
    count = counter(size, name)
    first, last = Signal(name=f"{name}_first", init=1), Signal(name=f"{name}_last")
    with m.If(step):
        m.d.sync += [
            count.eq(Mux(last, 0, count + 1)),
            first.eq(last),
            last.eq(count == size - 2),
        ]
    return count, first, last
