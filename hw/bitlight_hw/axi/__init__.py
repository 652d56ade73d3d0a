"""The accelerator behind AXI: AXI4-Stream in and out, AXI4-Lite for identity and counters."""

from bitlight_hw.axi.accelerator import AxiAccelerator
from bitlight_hw.axi.registers import REGISTERS, Register

__all__ = ["REGISTERS", "AxiAccelerator", "Register"]
