"""Popcounts of the mismatches between one beat of the input and PE words of weights."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from amaranth import Array, Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw import family as families
from bitlight_hw.area import Kinds, Parts, sums
from bitlight_hw.family import Family
from bitlight_hw.units.pipeline import register

# Lanes of a running parity, from which on it has a register within.
LONG = 33
# Terms of one sum in a row.
TERMS = 128
# Verilator makes one instruction of a plain sum of up to so many bits.
ONE_INSTRUCTION = 64


class Popcount(wiring.Component):
    """count[k] + carry[k] = Σ_n 2^n·popcount(x_n XOR w_k), `stages` cycles later.

    Bit plane n of the SIMD elements of `vector` is x_n, which comes `early` cycles before the
    first of these stages. Its words[k], `stored(w_k)`, come `late` cycles behind that, from
    registers. Without `en` the count is nobody's, and may be anything.

    Parameters
    ----------
    pe : int, number of words
    simd : int, elements of the vector, and bits of a weight
    bits : int, of one element
    """

    stages: int
    early: int = 0
    late: int = 0
    vector: Any
    en: Any
    words: Any
    count: Any
    carry: Any
    # Some are made for what the memory holds alone; Amaranth would warn of each.
    _MustUse__silence = True

    def __init__(self, pe: int, simd: int, bits: int) -> None:
        self.pe = pe
        self.simd = simd
        self.bits = bits
        self.most = ((1 << bits) - 1) * simd
        super().__init__(
            {
                "vector": In(simd * bits),
                "en": In(1),
                "words": In(simd).array(pe),
                "count": Out(range(self.most + 1)).array(pe),
                "carry": Out(1).array(pe),
            }
        )

    @staticmethod
    def kind(family: Family, bits: int) -> "type[Popcount]":
        """The one that suits a family; all count the same."""
        if family.popcount == "sum":
            return SumPopcount
        return ParityPopcount if bits == 1 else PairPopcount

    @staticmethod
    def of(family: Family, pe: int, simd: int, bits: int) -> "Popcount":
        """A popcount of that kind, of `simd` elements of `bits` bits, `pe` times."""
        return Popcount.kind(family, bits)(pe, simd, bits)

    @staticmethod
    @abstractmethod
    def stored(words: np.ndarray) -> np.ndarray:
        """What the memory holds in place of weights: bool arrays, SIMD along the last axis."""

    @staticmethod
    @abstractmethod
    def parts(family: Family, pe: int, simd: int, bits: int, kinds: Kinds | None) -> Parts:
        """What it has of each kind; `kinds` of its words, where these are few."""


class SumPopcount(Popcount):
    """The mismatches, added up as they stand: what a simulator is quick at. One stage.

    Simulators skip what moves nowhere; on an FPGA an enable for so many registers is slow.
    """

    stages = 1

    @staticmethod
    def stored(words: np.ndarray) -> np.ndarray:
        """What the ROM keeps for these words of weights: the weights themselves."""
        return words

    @staticmethod
    def parts(family: Family, pe: int, simd: int, bits: int, kinds: Kinds | None) -> Parts:
        """A digit for each bit, and for each that an addition takes; no FPGA gets it."""
        return Parts(added_bits=pe * simd * bits)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for pe, word in enumerate(self.words):
            # All planes of a lane are one number.
            differ = [
                self.vector.word_select(lane, self.bits) ^ word[lane].replicate(self.bits)
                for lane in range(self.simd)
            ]
            chunks = []
            for first in range(0, self.simd, ONE_INSTRUCTION):
                lanes = differ[first : first + ONE_INSTRUCTION]
                chunk = Signal(range(len(lanes) * ((1 << self.bits) - 1) + 1))
                m.d.comb += chunk.eq(_sum(lanes))
                chunks.append(chunk)
            m.d.comb += self.count[pe].eq(register(m, _sum(chunks), f"count{pe}", self.en))
        return m


class PairPopcount(Popcount):
    """Elements of b bits: (x_0 XOR w_0) + (x_1 XOR w_1) is one of four sums that all words share.

    A digit of the chosen sum is one look-up table of six inputs. Three stages: the sums of each
    pair of lanes, the choice, the count. An odd lane is a number by itself.
    """

    stages = 3
    late = 1

    @staticmethod
    def stored(words: np.ndarray) -> np.ndarray:
        """What the ROM keeps for these words of weights: the weights themselves."""
        return words

    @staticmethod
    def parts(family: Family, pe: int, simd: int, bits: int, kinds: Kinds | None) -> Parts:
        """Four sums for each pair; for each word their choice, and the sum of what it chose."""
        pairs, single = divmod(simd, 2)
        terms = pairs + single
        total = (((1 << bits) - 1) * simd).bit_length()
        words = pe if kinds is None else kinds.different(range(simd))
        if kinds is None:
            parts = sums(family, "pair", bits + 1, 4 * pairs)
            parts += Parts(single_bits=pe * single * bits)
            parts += _of_inputs("chosen", family, 6, pe * pairs * (bits + 1))
        else:
            parts = Parts()
            for lane in range(0, 2 * pairs, 2):
                pair = range(lane, lane + 2)
                parts += sums(family, "pair", bits + 1, kinds.values(pair))
                for free in kinds.groups(pair):
                    inputs = free + (1 << free)
                    parts += _of_inputs("chosen", family, inputs * (free > 0), bits + 1)
            alone = kinds.groups(range(2 * pairs, simd))
            parts += Parts(single_bits=bits * sum(free > 0 for free in alone if single))
        if terms > 1:
            lanes = [range(lane, min(lane + 2, simd)) for lane in range(0, simd, 2)]
            parts += Parts(added_bits=_rows_of_adders(lanes, pe, kinds) * (bits + 1))
            parts += sums(family, "number", total, words)
        return parts

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        pairs = []
        for lane in range(0, self.simd, 2):
            lanes = range(lane, min(lane + 2, self.simd))
            pairs.append((lanes, [register(m, x) for x in self._sums(lanes)]))
        for pe, word in enumerate(self.words):
            chosen = [
                register(m, Array(sums)[word[lanes.start : lanes.stop]], f"pair{pe}")
                for lanes, sums in pairs
            ]
            m.d.comb += self.count[pe].eq(register(m, _sum(chosen), f"count{pe}"))
        return m

    def _sums(self, lanes: Sequence[int]) -> list[Value]:
        """The mismatches of one or two lanes, for each of their words."""
        sums: list[Value] = [Const(0, 1)]
        for lane in lanes:
            x = self.vector.word_select(lane, self.bits)
            sums = [total + (x ^ w) for w in (0, (1 << self.bits) - 1) for total in sums]
        return sums


class ParityPopcount(Popcount):
    """The falling edges of the running parity of the mismatches, each of them two mismatches.

    With l_j the mismatch of lane j, p_j = l_0 XOR … XOR l_j and p_{−1} = 0, each pair of mismatches
    is a rise and a fall of p, so that Σ l_j = 2·#{j: p_{j−1} = 1, p_j = 0} + p_last. Of two
    neighbours at most one is a fall: C = (p_0 ∧ ¬p_1) ∨ (p_1 ∧ ¬p_2). XOR is linear: p = W XOR X
    with the running parities W of the weights, which the memory holds in their place, and X of the
    input, which all words share. A C is one look-up table of six inputs.

    Elements of one bit. Three stages: X, the falls, the count. If SIMD is even, the last lane
    is left out of the parity and is the carry. X of many lanes is too deep for one cycle: the input
    comes a cycle before the first stage, and the parities of its pieces are taken first.
    """

    stages = 3
    late = 1

    def __init__(self, pe: int, simd: int, bits: int) -> None:
        super().__init__(pe, simd, bits)
        self.early = int(self._in_pairs >= LONG)

    @staticmethod
    def stored(words: np.ndarray) -> np.ndarray:
        """The running parities of the weights, which tell the weights."""
        lanes = lanes_in_pairs(words.shape[-1])
        stored = np.bitwise_xor.accumulate(words, axis=-1)
        stored[..., lanes:] = words[..., lanes:]
        return stored

    @property
    def _in_pairs(self) -> int:
        return lanes_in_pairs(self.simd)

    @staticmethod
    def parts(family: Family, pe: int, simd: int, bits: int, kinds: Kinds | None) -> Parts:
        """The parities of the input; for each word the falls, the rest, and the number of falls."""
        lanes = lanes_in_pairs(simd)
        if lanes < LONG:
            parts = Parts(parities=parity_tables(lanes, family.lut_inputs))
        else:
            size = piece_of(lanes)
            pieces = [min(size, lanes - start) for start in range(0, lanes, size)]
            tables = [parity_tables(many, family.lut_inputs) for many in (*pieces, len(pieces))]
            parts = Parts(parities=sum(tables) + lanes - size)
        falls = [range(lane, lane + 3) for lane in range(0, lanes - 1, 2)]
        if kinds is None:
            parts += Parts(rests=pe * (simd - lanes + 1))
            parts += _of_inputs("falls", family, 6, pe * len(falls))
        else:
            for fall in falls:
                for free in kinds.groups(fall):
                    parts += _of_inputs("falls", family, 3 + free, 1)
            for lane in range(lanes - 1, simd):
                different = kinds.groups(range(lane, lane + 1))
                parts += Parts(rests=sum(free > 0 for free in different))
        return parts + parts_of_number(family, falls, pe, kinds)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        lut_inputs = families.of(platform).lut_inputs
        lanes = range(0, self._in_pairs - 1, 2)
        vector: Value = self.vector
        if self.early:
            pieces, rest = self._pieces(vector, lut_inputs)
            vector = register(m, Cat(*pieces, rest), "pieces")
            running = self._joined(vector, lut_inputs)
        else:
            running = running_parity([*vector[: self._in_pairs]], lut_inputs)
        inputs = register(m, Cat(running, vector[self._in_pairs :]), "inputs")
        for pe, word in enumerate(self.words):
            parity = word ^ inputs
            falls = Cat(_fall(*parity[lane : lane + 3]) for lane in lanes)
            falls = register(m, falls, f"falls{pe}")
            rest = register(m, parity[self._in_pairs - 1 :], f"rest{pe}")
            count = Cat(rest[0], number_of(m, falls, lut_inputs))
            m.d.comb += [
                self.count[pe].eq(register(m, count, f"count{pe}")),
                self.carry[pe].eq(register(m, rest[1:], f"carry{pe}")),
            ]
        return m

    def _pieces(self, vector: Value, lut_inputs: int) -> tuple[list[Value], Value]:
        """The running parities of each piece by itself, and the lanes that no parity takes in."""
        pieces = [Cat(running_parity(piece, lut_inputs)) for piece in self._cut(vector)]
        return pieces, vector[self._in_pairs :]

    def _joined(self, vector: Value, lut_inputs: int) -> list[Value]:
        """The running parity of all, from those of the pieces."""
        pieces = self._cut(vector)
        ends = running_parity([piece[-1] for piece in pieces], lut_inputs)
        running = pieces[0]
        for before, piece, end in zip(ends, pieces[1:], ends[1:], strict=False):
            running = [*running, *(before ^ bit for bit in piece[:-1]), end]
        return running

    def _cut(self, vector: Value) -> list[list[Value]]:
        lanes, size = self._in_pairs, piece_of(self._in_pairs)
        return [[*vector[start : min(start + size, lanes)]] for start in range(0, lanes, size)]


def piece_of(lanes: int) -> int:
    """Lanes of a piece of a running parity: a power of two, about as many as there are pieces."""
    return 1 << (lanes - 1).bit_length() // 2


def lanes_in_pairs(simd: int) -> int:
    """Lanes of the running parity: one, and pairs."""
    return simd - (simd + 1) % 2


def running_parity(bits: Sequence[Value], lut_inputs: int) -> list[Value]:
    """The parity of the first bits, up to each of them.

    Bits go in blocks of one less than a table has inputs, whose parities are run through in the
    same way first, so that the depth grows with the logarithm.
    """
    if len(bits) <= lut_inputs:
        return _parities(bits)
    size = lut_inputs - 1
    blocks = [bits[start : start + size] for start in range(0, len(bits), size)]
    ends = running_parity([_parities(block)[-1] for block in blocks], lut_inputs)
    running = _parities(blocks[0])
    for before, block, end in zip(ends, blocks[1:], ends[1:], strict=False):
        running += [*_parities([before, *block])[1:-1], end]
    return running


def _parities(bits: Sequence[Value]) -> list[Value]:
    return [Cat(bits[: index + 1]).xor() for index in range(len(bits))]


def number_of(m: Module, bits: Value, lut_inputs: int) -> Value:
    """The number of ones.

    A table of six inputs has room for five bits beside an adder's digit, so that seven bits cost
    three tables and a carry chain, and the numbers of two halves and one bit more an addition with
    a carry into it. With four inputs, tools find full adders by themselves.
    """
    if len(bits) < 6 or lut_inputs < 6:
        return _sum([*bits, Const(0, 1)])
    if len(bits) < 8:
        parity, carry = _full_adder(*bits[:3])
        parity, other = _full_adder(parity, *bits[3:5])
        five = Cat(parity, carry ^ other, carry & other)
        return _added(m, five, bits[5], bits[6:])[:3]
    half = _half(len(bits))
    number, other = (number_of(m, part, 6) for part in [bits[:half], bits[half:-1]])
    return _added(m, number, other, bits[-1])


def parity_tables(bits: int, lut_inputs: int) -> int:
    """How many look-up tables of so many inputs `running_parity` of so many bits takes."""
    if bits <= lut_inputs:
        return max(bits - 1, 0)
    size = lut_inputs - 1
    blocks = [min(size, bits - start) for start in range(0, bits, size)]
    inside = sum(block - 1 for block in blocks)
    return inside + len(blocks) - 1 + parity_tables(len(blocks), lut_inputs)


def tables_of_number(bits: int, lut_inputs: int) -> int:
    """Look-up tables that `number_of` takes, beside carry chains."""
    if lut_inputs < 6:
        return round(1.4 * (bits - bits.bit_length()))
    if bits < 8:
        return min(bits, 3) if bits != 3 else 2
    half = _half(bits)
    rest = bits - half - 1
    return tables_of_number(half, 6) + tables_of_number(rest, 6) + rest.bit_length()


def parts_of_number(
    family: Family, falls: Sequence[range], words: int, kinds: Kinds | None
) -> Parts:
    """What `number_of` has for these falls of so many words; words that are equal there, once."""
    count = len(falls)
    if count < 2:
        return Parts()
    if kinds is not None:
        words = kinds.different(range(falls[0].start, falls[-1].stop))
    if family.lut_inputs < 6:
        adders = Parts(adders=words * (count - count.bit_length()))
        return adders + sums(family, "number", count.bit_length(), words)
    if count < 6:
        return Parts(number_of_few=words * (2 if count < 4 else 3))
    if count < 8:
        return Parts(number_of_seven=words)
    half = _half(count)
    total = sums(family, "number", (count - half - 1).bit_length(), words)
    for part in (falls[:half], falls[half:-1]):
        total += parts_of_number(family, part, words, kinds)
    return total


def _rows_of_adders(terms: list[range], words: int, kinds: Kinds | None) -> int:
    """Rows of full adders, each three numbers to two, until two are left; equal ones once.

    Parameters
    ----------
    terms : list of ranges, the lanes that each number comes from
    """
    rows = 0
    while len(terms) > 2:
        left = len(terms) % 3
        threes = [terms[place : place + 3] for place in range(0, len(terms) - left, 3)]
        spans = [range(three[0].start, three[-1].stop) for three in threes]
        rows += sum(words if kinds is None else kinds.different(span) for span in spans)
        terms = [span for span in spans for _ in range(2)] + terms[len(terms) - left :]
    return rows


def _of_inputs(name: str, family: Family, inputs: int, count: int) -> Parts:
    """So many functions of so many inputs, up to six: one table, or two; wires of a single one."""
    if inputs <= 1:
        return Parts()
    return Parts({name: count * (2 if inputs > family.lut_inputs else 1)})


def _half(bits: int) -> int:
    """How many of eight bits or more are one half: a number without unused digits."""
    return (1 << (bits.bit_length() - 1)) - 1


def _added(m: Module, a: Value, b: Value, carry: Value) -> Value:
    """The sum of two numbers and a bit, as one carry chain.

    The carry is a digit of both numbers: as a third term, Yosys would make full adders of all. It
    gives the chain the narrower number as it is, and the exclusive or of both, which a table of its
    own computes.
    """
    total = Signal(max(len(a), len(b)) + 2)
    m.d.comb += total.eq(Cat(carry, a) + Cat(carry, b))
    return total[len(carry) :]


def _full_adder(a: Value, b: Value, c: Value) -> tuple[Value, Value]:
    """Digit and carry."""
    return a ^ b ^ c, (a & b) | (a & c) | (b & c)


def _fall(before: Value, between: Value, after: Value) -> Value:
    """Whether the parity falls in one of two neighbouring lanes."""
    return (before & ~between) | (between & ~after)


def _sum(terms: Sequence[Value]) -> Value:
    """One expression; of many terms in branches, since Amaranth goes through it by recursion."""
    if len(terms) > TERMS:
        return _sum([_sum(terms[at : at + TERMS]) for at in range(0, len(terms), TERMS)])
    return sum(terms[1:], start=terms[0])
