"""The fixed feature extractor as hardware: Amaranth units, folding, timing, Verilog."""

from bitlight_hw.accelerator import Accelerator
from bitlight_hw.optics import Projection
from bitlight_hw.search import fold

__all__ = ["Accelerator", "Projection", "fold"]
