"""The accelerator at work: simulated natively or under cocotb, or on a board."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bitlight_sim.board.board import Board
    from bitlight_sim.board.virtual import VirtualBoard
    from bitlight_sim.simulator import Run, Simulator

__all__ = ["Board", "Run", "Simulator", "VirtualBoard"]

_PLACES = {
    "Board": "bitlight_sim.board.board",
    "Run": "bitlight_sim.simulator",
    "Simulator": "bitlight_sim.simulator",
    "VirtualBoard": "bitlight_sim.board.virtual",
}


def __getattr__(name: str) -> Any:
    # Late, because each simulator that runs a cocotb bench would pay for it.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)
