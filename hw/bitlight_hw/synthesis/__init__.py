"""From Verilog to area and clock frequency, with Yosys and nextpnr."""

from bitlight_hw.synthesis.area import Area, labels
from bitlight_hw.synthesis.flow import netlist, synthesise
from bitlight_hw.synthesis.placement import Path, Placement
from bitlight_hw.synthesis.report import Report
from bitlight_hw.synthesis.targets import TARGETS, Target, target

__all__ = [
    "TARGETS",
    "Area",
    "Path",
    "Placement",
    "Report",
    "Target",
    "labels",
    "netlist",
    "synthesise",
    "target",
]
