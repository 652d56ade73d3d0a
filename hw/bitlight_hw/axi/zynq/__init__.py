"""The accelerator on a Zynq: what makes its overlay in Vivado, and what drives it from PYNQ."""

from bitlight_hw.axi.zynq.project import BOARDS, write_project

__all__ = ["BOARDS", "write_project"]
