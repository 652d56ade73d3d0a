"""RTL simulation of an accelerator: natively compiled, and under cocotb."""

from bitlight_sim.simulator import Run, Simulator

__all__ = ["Run", "Simulator"]
