"""The stream units that an accelerator is made of; each knows its own timing."""

from bitlight_hw.units.feeding import feed
from bitlight_hw.units.fork import Fork
from bitlight_hw.units.gearbox import Gearbox
from bitlight_hw.units.join import Side, Sum
from bitlight_hw.units.lanes import Compare, Rectify, Scale
from bitlight_hw.units.matvec import MatrixVector
from bitlight_hw.units.pad import Pad
from bitlight_hw.units.pool import Centre, MaxPool, OrPool, SumPool
from bitlight_hw.units.repack import Repack
from bitlight_hw.units.slide import Slide
from bitlight_hw.units.unit import Unit
from bitlight_hw.units.window import Window

__all__ = [
    "Centre",
    "Compare",
    "Fork",
    "Gearbox",
    "MatrixVector",
    "MaxPool",
    "OrPool",
    "Pad",
    "Rectify",
    "Repack",
    "Scale",
    "Side",
    "Slide",
    "Sum",
    "SumPool",
    "Unit",
    "Window",
    "feed",
]
