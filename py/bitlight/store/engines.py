"""What computes features for a store: the golden model, or the RTL of the accelerator."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bitlight.network import Network

Folding = Sequence[tuple[int, int]]
Compute = Callable[[np.ndarray], np.ndarray]
Programs = dict[str, Path]


@contextmanager
def engine(
    name: str,
    net: Network,
    folding: Folding | None = None,
    processes: int = 1,
    few: bool = False,
    programs: Programs | None = None,
) -> Iterator[Compute]:
    """A function from images to bits, uint8 0/1 (n, features).

    Parameters
    ----------
    name : "golden" or "rtl"
    net : Network
    folding : list of (PE, SIMD), optional
        Of the accelerator.
    processes : int
        Simulations side by side.
    few : bool
        Whether it will be asked for some images at a time: they take Verilator less time than the
        bit-sliced simulator, whose words want hundreds.
    programs : dict, optional
        Simulators that are compiled, by their engine; one that is compiled now joins them.
    """
    if name == "golden":
        yield net.forward
        return
    from bitlight_hw import Accelerator
    from bitlight_sim import Simulator

    accelerator = Accelerator(net, None if folding is None else list(folding))
    kind: Any = "verilator" if few else "sliced"
    programs = {} if programs is None else programs
    with Simulator(accelerator, processes, engine=kind, program=programs.get(kind)) as simulator:
        programs[kind] = simulator.build()
        yield lambda images: simulator.run(images).features
