"""The fixed feature extractor as hardware: Amaranth units, folding, timing, Verilog."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bitlight_hw.accelerator import Accelerator
    from bitlight_hw.optics import Projection
    from bitlight_hw.search import fold

__all__ = ["Accelerator", "Projection", "fold"]

# Late, so that commands are listed without Amaranth, and soon.
_PLACES = {
    "Accelerator": "bitlight_hw.accelerator",
    "Projection": "bitlight_hw.optics",
    "fold": "bitlight_hw.search",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)
