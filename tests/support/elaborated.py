"""A unit in the form of one family of FPGAs."""

from amaranth.hdl import Elaboratable, Fragment


class Elaborated(Elaboratable):
    """A unit as it is elaborated for a family, whatever the simulator asks for."""

    def __init__(self, unit, family):
        self.i, self.o, self.timing = unit.i, unit.o, unit.timing
        self.fragment = Fragment.get(unit, family)

    def elaborate(self, platform):
        return self.fragment
