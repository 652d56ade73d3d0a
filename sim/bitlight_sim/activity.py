"""How often each net changes while a data set runs through an accelerator."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bitlight_hw import Accelerator
from bitlight_hw import family as families
from bitlight_sim.simulator import Run, Simulator
from bitlight_sim.sliced.build import Counting, build_counting
from bitlight_sim.sliced.gates import ONE
from bitlight_sim.sliced.netlist import Move, Named

# Images that follow each other in a run of their own, at the least where there are so many.
RUN = 20


@dataclass(frozen=True)
class Activity:
    """What was counted, over all runs.

    A run is a simulation of its own: reset, then images back to back. What is counted are its clock
    cycles from the first after reset to the 64th after the last beat has left, and in these the
    changes from each cycle to the next; nothing is counted between one run and another. Nets are
    looked at once a cycle, when they have settled, so that glitches are not among the changes.

    Attributes
    ----------
    runs, images, cycles : int
        Images are those of all runs, each filled up to the same number from the data set's start;
        cycles are those of all runs together.
    signals : list of Named
        All that has a name in the design, but what carries the clock.
    clocks : list of Named
        What does.
    owners : dict of net to path of the component that drives it
    memories : list of Move
        What reads from memories and writes to them.
    """

    runs: int
    images: int
    cycles: int
    signals: list[Named]
    clocks: list[Named]
    owners: dict[int, tuple[str, ...]]
    memories: list[Move]
    _changed: dict[int, int]
    _high: dict[int, int]

    def changed(self, net: int) -> int:
        """How often a net changed."""
        return self._changed.get(net, 0)

    def high(self, net: int) -> int:
        """In how many cycles a net was 1."""
        return self.cycles if net == ONE else self._high.get(net, 0)


class ActivitySimulator(Simulator):
    """The bit-sliced simulator with counters.

    Parameters
    ----------
    acc : Accelerator
    processes : int
    target : str, the family whose Verilog is meant, as in `Accelerator.verilog`

    Raises
    ------
    BitlightError
        If the target is not known.
    SimulationError
        As `Simulator`.

    Examples
    --------
    >>> with ActivitySimulator(acc) as sim:  # doctest: +SKIP
    ...     out = sim.run(images)
    >>> sim.activity.cycles  # doctest: +SKIP
    142105
    """

    activity: Activity

    def __init__(self, acc: Accelerator, processes: int = 1, *, target: str = "xc7") -> None:
        super().__init__(acc, processes, engine="sliced")
        self.family = families.named(target)
        self._fewest = self.least_rounds
        self._counting: Counting | None = None

    def _compile(self, engine: str) -> tuple[Path, bool]:
        self._counting = build_counting(self.acc, self.family)
        return self._counting.program, False

    def run(self, images: np.ndarray, progress: Callable[[int], None] | None = None) -> Run:
        """As `Simulator.run`; what was counted is `activity`."""
        share = -(-len(images) // self.processes)
        self.least_rounds = max(self._fewest, min(share, RUN))
        return super().run(images, progress)

    def _collect(self, folder: Path) -> None:
        assert self._counting is not None
        netlist, places = self._counting.netlist, self._counting.counters
        runs = images = cycles = 0
        total: np.ndarray | int = 0
        for path in folder.glob("status*.counts"):
            content = np.fromfile(path, "<u8")
            length, lanes, rounds = map(int, content[:3])
            runs, images, cycles = runs + lanes, images + lanes * rounds, cycles + length * lanes
            total = total + content[3:].reshape(-1, 2)
        changed = {net: int(total[place, 0]) for net, place in places.items()}  # type: ignore[index]
        high = {net: int(total[place, 1]) for net, place in places.items()}  # type: ignore[index]
        clock = set(netlist.inputs.get("clk", ()))
        signals = [signal for signal in netlist.signals if clock.isdisjoint(signal.nets)]
        clocks = [signal for signal in netlist.signals if not clock.isdisjoint(signal.nets)]
        memories = [move for move in netlist.moves if move.memory is not None]
        self.activity = Activity(
            runs, images, cycles, signals, clocks, netlist.owners, memories, changed, high
        )
