"""What computes features for a store: the golden model, or the RTL of the accelerator."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from bitlight.network import Network

Folding = Sequence[tuple[int, int]]
Compute = Callable[[np.ndarray], np.ndarray]


@contextmanager
def engine(
    name: str, net: Network, folding: Folding | None = None, processes: int = 1, few: bool = False
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
    """
    if name == "golden":
        yield net.forward
        return
    from bitlight_hw import Accelerator
    from bitlight_sim import Simulator

    accelerator = Accelerator(net, None if folding is None else list(folding))
    kind: Any = "verilator" if few else "sliced"
    with Simulator(accelerator, processes, engine=kind) as simulator:
        yield lambda images: simulator.run(images).features
