"""The fixed feature extractor as hardware: Amaranth units, folding, timing, Verilog."""

from bitlight_hw.accelerator import Accelerator
from bitlight_hw.folding import fold
from bitlight_hw.optics import Projection

__all__ = ["Accelerator", "Projection", "fold"]
