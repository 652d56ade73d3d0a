"""The bench finds what it is there to find: each kind of broken unit fails with its own message."""

import pytest
from amaranth import Module, Signal
from streams import PAUSES, Pauses, beats, check

from bitlight_hw.timing import Delay
from bitlight_hw.units import Unit

SENT = [[3, 1, 2], [0, 7, 5], [6, 4, 4]]


class Register(Unit):
    """o = i, one register behind; a fault that is named comes with every fourth cycle."""

    timing = (Delay(1),)

    def __init__(self, fault=""):
        self.fault = fault
        super().__init__(3, 3)

    def elaborate(self, platform):
        m = Module()
        full, data, phase = Signal(), Signal(3), Signal(2)
        fault = phase == 3
        m.d.comb += [
            self.o.valid.eq(full),
            self.o.payload.eq(data),
            self.i.ready.eq(~full | self.o.ready),
        ]
        m.d.sync += phase.eq(phase + 1)
        with m.If(self.i.ready):
            m.d.sync += [full.eq(self.i.valid), data.eq(self.i.payload)]
        match self.fault:
            case "withdraws":
                m.d.comb += self.o.valid.eq(full & ~fault)
            case "changes":
                m.d.comb += self.o.payload.eq(data ^ fault)
            case "waits for ready":
                m.d.comb += self.o.valid.eq(full & self.o.ready)
            case "ignores valid":
                with m.If(self.i.ready & fault):
                    m.d.sync += full.eq(1)
            case "loses":
                with m.If(self.i.ready & fault):
                    m.d.sync += full.eq(0)
            case "doubles":
                with m.If(fault):
                    m.d.comb += self.i.ready.eq(0)
            case "pauses":
                m.d.comb += self.i.ready.eq((~full | self.o.ready) & ~fault)
                with m.If(fault & self.o.ready):
                    m.d.sync += full.eq(0)
            case "lazy":
                m.d.comb += self.i.ready.eq(self.o.ready)
            case "stands still":
                with m.If(fault):
                    m.d.comb += [self.i.ready.eq(0), self.o.valid.eq(0)]
                    m.d.sync += phase.eq(phase)
        return m


@pytest.mark.parametrize("pauses", PAUSES)
def test_a_sound_unit_passes(pauses):
    check(Register(), SENT, SENT, pauses)


@pytest.mark.parametrize(
    ("fault", "pauses", "message"),
    [
        ("withdraws", Pauses(busy=0.5), "was offered, now None"),
        ("changes", Pauses(busy=0.5), "was offered, now"),
        ("waits for ready", Pauses(), "depends on ready"),
        ("ignores valid", Pauses(idle=0.5), "^9 of 9 beats taken and [0-9]+ given"),
        ("loses", Pauses(), "^beat "),
        ("doubles", Pauses(), "^beat "),
        ("pauses", Pauses(), "^first cycle 1 is 4, not 3"),
        ("stands still", Pauses(), "^3 of 9 beats taken and 2 given"),
    ],
)
def test_a_fault_is_found(fault, pauses, message):
    with pytest.raises(AssertionError, match=message):
        check(Register(fault), SENT, SENT, pauses)


@pytest.mark.parametrize("pauses", PAUSES[:-1])
def test_a_late_unit_is_found(pauses):
    late = Register()
    late.timing = (Delay(2),)
    with pytest.raises(AssertionError, match="cycle . is"):
        check(late, SENT, SENT, pauses)


def test_a_lazy_unit_is_found_by_its_cycles_alone():
    # It takes nothing while nobody takes from it, though it has room.
    check(Register("lazy"), SENT, SENT, Pauses())
    check(Register("lazy"), SENT, SENT, PAUSES[-1])
    with pytest.raises(AssertionError, match="cycle . is"):
        check(Register("lazy"), SENT, SENT, Pauses(idle=0.5, busy=0.5))


def test_the_last_beat_counts():
    with pytest.raises(AssertionError, match="^beat 9 is None, not 1"):
        check(Register(), SENT, [*SENT, [1]], PAUSES[-1])
    with pytest.raises(AssertionError, match="^beat 8 is 4, not None"):
        check(Register(), SENT, [*SENT[:2], SENT[2][:2]], PAUSES[-1])


def test_the_first_element_is_in_the_lowest_bits():
    assert beats([[1, 2], [3, -1]], per_beat=2, bits=2) == [0b1001, 0b1111]
