"""The stream units that an accelerator is a chain of; each knows its own timing."""

from bitlight_hw.units.gearbox import Gearbox
from bitlight_hw.units.matvec import MatrixVector
from bitlight_hw.units.pad import Pad
from bitlight_hw.units.pool import OrPool
from bitlight_hw.units.repack import Repack
from bitlight_hw.units.slide import Slide
from bitlight_hw.units.unit import Unit
from bitlight_hw.units.window import Window

__all__ = [
    "Gearbox",
    "MatrixVector",
    "OrPool",
    "Pad",
    "Repack",
    "Slide",
    "Unit",
    "Window",
]
