"""An accelerator as the cells that synthesis made of it, behind the same call as its RTL."""

from pathlib import Path

from bitlight_hw import Accelerator
from bitlight_sim.cells.build import compile_cells
from bitlight_sim.native.build import harness
from bitlight_sim.simulator import Simulator


class NetlistSimulator(Simulator):
    """Runs images through a netlist, with Yosys' models of its cells and ours of block RAM.

    Parameters
    ----------
    acc : Accelerator
    family : str
        Whose cells they are: a name in `bitlight_sim.cells.models.MODELS`.
    netlist : str
        Verilog, as `bitlight_hw.synthesis.netlist` gives it.

    Raises
    ------
    SimulationError
        If a tool or a model is missing, the build fails, or the design stands still.
    """

    def __init__(self, acc: Accelerator, family: str, netlist: str) -> None:
        super().__init__(acc)
        self.family = family
        self.netlist = netlist

    def engine_for(self, images: int) -> str:
        """One that looks at no links: they are not to be found among the cells."""
        return "netlist"

    def _compile(self, engine: str) -> tuple[Path, bool]:
        return compile_cells(
            *("accelerator", self.family, self.netlist, harness()), "-CFLAGS", "-DUNWATCHED"
        )
