"""Units with the streams between them as one unit, so that branches are held to what units are."""

from amaranth import Module
from amaranth.lib import wiring

from bitlight_hw.stages import Stage, circuit, output
from bitlight_hw.units import Fork, Unit
from bitlight_hw.units.window import ring


class Wired(Unit):
    """Stages as one unit; stream 0 is `i`, and the stream that nobody takes is `o`."""

    timing = ()

    def __init__(self, stages, i_width):
        self.stages = stages
        ((last, name),) = [
            (stage.unit, name)
            for stage in stages
            for number, name in zip(stage.gives, stage.unit.outputs, strict=True)
            if number == output(stages)
        ]
        super().__init__(i_width, len(getattr(last, name).payload))

    @property
    def circuit(self):
        return circuit(self.stages)

    def elaborate(self, platform):
        m = Module()
        givers, takers = {0: wiring.flipped(self.i)}, {output(self.stages): wiring.flipped(self.o)}
        for stage in self.stages:
            unit = m.submodules[stage.name] = stage.unit
            for names, numbers, side in [
                (unit.inputs, stage.takes, takers),
                (unit.outputs, stage.gives, givers),
            ]:
                side |= {n: getattr(unit, name) for n, name in zip(numbers, names, strict=True)}
        for number, giver in givers.items():
            wiring.connect(m, giver, takers[number])
        return m


def diamond(join, width, queues=()):
    """A fork, a queue on each way that has a depth, and a unit in which the ways meet."""
    ways = len(join.inputs)
    stages = [Stage("fork", Fork(width, ways), None, (0,), tuple(range(1, ways + 1)))]
    taken = list(range(1, ways + 1))
    for way, depth in enumerate(queues):
        if depth:
            given = ways + 1 + way
            stages.append(Stage(f"queue{way}", ring(width, depth), None, (taken[way],), (given,)))
            taken[way] = given
    stages.append(Stage("join", join, None, tuple(taken), (100,)))
    return Wired(stages, width)
