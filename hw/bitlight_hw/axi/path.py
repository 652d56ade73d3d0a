"""What lies between the input words and the output words, and how long it takes."""

from functools import cached_property

from bitlight import SimulationError
from bitlight_hw import timing
from bitlight_hw.accelerator import Accelerator
from bitlight_hw.axi.frames import Frames
from bitlight_hw.units import Window

# Room behind a register whose ready depends on its level alone.
SKID = 2


class Path:
    """Words to beats, the accelerator, a queue where beats have to wait, beats to words.

    Beats wait where they leave the accelerator before the last word of their image has shown
    whether it is a good one, or where a beat makes several words.

    Parameters
    ----------
    acc : Accelerator
    data_bits : int, of a word, in and out

    Attributes
    ----------
    frames_in, frames_out : Frames
    unpack, pack : Repack
    queue : Window or None
    """

    def __init__(self, acc: Accelerator, data_bits: int) -> None:
        self.acc = acc
        self.frames_in = Frames(acc.beats_in, data_bits)
        self.frames_out = Frames(acc.beats_out, data_bits)
        self.unpack = self.frames_in.unpack()
        self.pack = self.frames_out.pack()
        waiting = self.early_beats
        if self.frames_out.words > acc.beats_out.count:  # bursts are no matter to a whole frame
            waiting += acc.beats_out.count
        self.queue = _queue(acc.beats_out.width, acc.beats_out.count, waiting) if waiting else None

    @cached_property
    def early_beats(self) -> int:
        """The most beats of a frame that can leave the accelerator before its last word is taken.

        The accelerator must be able to give them, or that word might never be.
        """
        sent = (self.frames_in.words - 1) * self.unpack.n // self.unpack.m
        low, high = 0, self.acc.beats_out.count
        while low < high:
            middle = (low + high + 1) // 2
            try:
                timing.run(self.acc.plan.circuit, sent, middle, images=1)
                low = middle
            except SimulationError:  # it waits for more
                high = middle - 1
        return low

    @cached_property
    def interval(self) -> int:
        """Cycles between frames that follow each other."""
        behind = [*self._queued, *self.pack.timing]
        circuit = self.acc.plan.circuit.between(self.unpack.timing, behind)
        return timing.run(circuit, self.frames_in.words, self.frames_out.words).interval

    @cached_property
    def latency(self) -> int:
        """Cycles from the first word taken to the last word given, in an idle pipeline.

        At least so many where beats wait for the last word.
        """
        register = timing.Delay(1)  # one in front, one behind, and the one that offers words
        behind = [*self._queued, self.pack.alone, register, register]
        circuit = self.acc.plan.circuit.between([register, self.unpack.alone], behind)
        return timing.run(circuit, self.frames_in.words, self.frames_out.words, images=1).latency

    @cached_property
    def most_images(self) -> int:
        """A bound on the images whose last word is taken and whose last beat is not packed yet.

        However the stream is held up: in a ring, those that fill it and the one that is read; in a
        queue or registers, those that fill them; in a step, the one that it is at. Of several ways
        that an image goes at once, the images on all are counted.
        """
        circuit = self.acc.plan.circuit.between(self.unpack.timing, self._queued)
        words, images = {0: self.frames_in.words}, SKID
        for part, takes, gives in zip(circuit.parts, circuit.takes, circuit.gives, strict=True):
            taken = given = words[takes[0]]
            match part:
                case timing.Buffer():
                    images += -(-part.depth // taken) + 1
                    given = len(part.offsets) * part.repeats * len(part.releases)
                case timing.Queue():
                    images += -(-part.depth // taken)
                case timing.Delay():
                    images += -(-part.stages // taken)
                case timing.Step():
                    moved = [part.actions & kind > 0 for kind in (timing.TAKE, timing.GIVE)]
                    given = taken * int(moved[1].sum()) // int(moved[0].sum())
                    images += 1
                case timing.Merge():
                    given = taken * len(part.takes) // int((part.takes & 1).sum())
                    images += 1
                case timing.Split():
                    images += 1
            words |= dict.fromkeys(gives, given)
        return images

    @property
    def _queued(self) -> list[timing.Part]:
        return list(self.queue.timing) if self.queue else []


def _queue(width: int, beats: int, waiting: int) -> Window:
    """A ring that gives each beat once."""
    return Window(
        width,
        height=1,
        across=beats,
        inner=1,
        kernel=(1, 1),
        stride=(1, 1),
        repeats=1,
        depth=waiting + SKID,
    )
