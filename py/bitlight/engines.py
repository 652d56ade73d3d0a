"""What computes a network's features: the golden model, or an engine that a higher package brings.

An engine is an entry point of the group `bitlight.engines`, with the call of `Engine`. All engines
give the same bits.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from bitlight import plugins
from bitlight.network.network import Network

Pairs = Sequence[tuple[int, int]]
Compute = Callable[[np.ndarray], np.ndarray]
Programs = dict[str, Path]
GOLDEN = "golden"
RTL = "rtl"
BOARD = "board"
# What features that are kept may come from, whichever of these is installed where they are read.
KEPT = (GOLDEN, RTL, BOARD)


class Engine(Protocol):
    """A context in which there is a function from images to bits, uint8 0/1 (n, features)."""

    def __call__(
        self,
        net: Network,
        *,
        folding: Pairs | None = None,
        processes: int = 1,
        few: bool = False,
        programs: Programs | None = None,
        port: str | None = None,
    ) -> AbstractContextManager[Compute]:
        """Open it.

        Parameters
        ----------
        net : Network
        folding : list of (PE, SIMD), optional
            Of the accelerator, where there is one.
        processes : int
            Simulations side by side.
        few : bool
            Whether it will be asked for some images at a time, rather than for hundreds.
        programs : dict, optional
            Programs that are compiled, by their kind; one that is compiled now joins them.
        port : str, optional
            Where a board is.
        """
        ...


@contextmanager
def golden(
    net: Network,
    *,
    folding: Pairs | None = None,
    processes: int = 1,
    few: bool = False,
    programs: Programs | None = None,
    port: str | None = None,
) -> Iterator[Compute]:
    """The golden model, XNOR-popcount on packed words; nothing is chosen."""
    yield net.forward


def names() -> tuple[str, ...]:
    """Names of the engines that are installed, the golden model first."""
    others = (name for name in plugins.names("bitlight.engines") if name != GOLDEN)
    return (GOLDEN, *others)


def load(name: str) -> Engine:
    """The engine of a name.

    Raises
    ------
    BitlightError
        If there is none, or what it needs is not installed.
    """
    engine: Engine = golden if name == GOLDEN else plugins.load("bitlight.engines", name)
    return engine
