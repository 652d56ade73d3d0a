"""How an image, or what became of it, is cut into the bytes and words of a bus."""

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Signal, Value, signed

from bitlight_hw.stages import Beats
from bitlight_hw.units import Repack

SCORE_BYTES = 4


@dataclass(frozen=True)
class Frames:
    """Frames of words of `data_bits` bits for the images or features that `beats` describes.

    A frame is a row of lanes. Bits are packed, the first in bit 0 of the first byte: a lane is a
    bit. An element of 2 to 8 bits is one byte, of which the lowest bits count. A score is four
    bytes, two's complement, the lowest byte first. The last byte is filled up with zeros.
    """

    beats: Beats
    data_bits: int

    @property
    def bits(self) -> int:
        """Bits of an element: 1, 2 to 8, or 32."""
        return 8 * SCORE_BYTES if self.beats.signed else self.beats.bits

    @property
    def lane_bits(self) -> int:
        """Bits of a lane on the bus: 1 or 8."""
        return 1 if self.bits == 1 else 8

    @property
    def beat_lanes(self) -> int:
        """Lanes that one beat of the core's stream fills."""
        return self.beats.elements * (SCORE_BYTES if self.beats.signed else 1)

    @property
    def word_lanes(self) -> int:
        """Lanes that one word of the bus has room for."""
        return self.data_bits // self.lane_bits

    @property
    def lanes(self) -> int:
        """Lanes of a frame, which is one image or its features."""
        return self.beats.count * self.beat_lanes

    @property
    def bytes(self) -> int:
        """Bytes of a frame, the last one filled up with zeros."""
        return -(-self.lanes * self.lane_bits // 8)

    @property
    def words(self) -> int:
        """Words of the bus that a frame takes, the last one as full as it comes."""
        return -(-8 * self.bytes // self.data_bits)

    @property
    def tail(self) -> int:
        """Bytes of the last word."""
        return self.bytes - (self.words - 1) * self.data_bits // 8

    def unpack(self) -> Repack:
        """The unit that cuts words of the bus into the core's beats, by the bits that count."""
        return Repack(self.word_lanes, self.beat_lanes, self.bits, frame=self.lanes)

    def pack(self) -> Repack:
        """The unit that lays the core's beats into words of the bus."""
        return Repack(self.beat_lanes, self.word_lanes, self.lane_bits, frame=self.lanes)

    def narrow(self, word: Value) -> Value:
        """The bits of a word that count."""
        lanes = (word.word_select(lane, self.lane_bits) for lane in range(self.word_lanes))
        return Cat(lane[: self.bits] for lane in lanes)

    def widen(self, m: Any, beat: Value) -> Value:
        """The bits of a beat as the bus has them: scores with their sign in all upper bits."""
        if not self.beats.signed:
            return beat
        scores = [Signal(signed(self.bits), name=f"score{j}") for j in range(self.beats.elements)]
        for index, score in enumerate(scores):
            m.d.comb += score.eq(beat.word_select(index, self.beats.bits).as_signed())
        return Cat(scores)
