"""Compiling a netlist into a program, once for each content."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from bitlight_hw import Accelerator
from bitlight_hw.family import Family
from bitlight_sim import programs, toolchain
from bitlight_sim.sliced import reading, source
from bitlight_sim.sliced.netlist import Netlist

COMPILE = ["-std=c++20"]
# Measured on fashion28 and CNV: without these passes a model compiles in 60 % of the time and runs
# as fast; -O3 is no faster to run, -O1 6 % slower, and -Og, which compiles in 35 %, half as fast.
GATES = [
    "-fno-exceptions",
    *(f"-fno-tree-{name}" for name in ("slp-vectorize", "pre", "vrp", "dominator-opts")),
    *(f"-fno-{name}" for name in ("gcse", "ipa-cp", "ipa-icf")),
]
COUNTERS = ["-mprefer-vector-width=512"]
# First file of the model, which also has the contents of its memories.
MEMORIES = """\
asm(R"(
    .pushsection .rodata
    .balign 64
    .globl rows
rows:
    .incbin "rows.bin"
    .popsection
)");
"""


def build(acc: Accelerator) -> tuple[Path, bool]:
    """Compile, or find what was compiled before.

    Returns
    -------
    (path of the program, whether it was found)

    Raises
    ------
    SimulationError
        If there is no compiler, it fails, or the design's control depends on its data.
    """
    return _compiled(source.write(reading.read(acc)), of=programs.identity(acc, "sliced"))


@dataclass(frozen=True)
class Counting:
    """A simulator that counts.

    Attributes
    ----------
    program : Path
    netlist : Netlist
    counters : dict of net to int
        Where what is counted of a net stands among all counters.
    """

    program: Path
    netlist: Netlist
    counters: dict[int, int]


def build_counting(acc: Accelerator, family: Family) -> Counting:
    """The same, in the form for a family, with counters of all that has a name; see `build`."""
    netlist = reading.read(acc, family, signals=True)
    written = source.write(netlist, counted=True)
    program, _ = _compiled(written, "counters.hpp")
    return Counting(program, netlist, written.counters)


def _compiled(written: source.Source, *more: str, of: str = "") -> tuple[Path, bool]:
    here = "bitlight_sim.sliced"
    names = [(here, "harness.cpp"), (here, "model.hpp"), *((here, name) for name in more)]
    sources: dict[str, str | bytes] = {
        name: resources.files(package).joinpath(name).read_text(encoding="utf-8")
        for package, name in (*names, ("bitlight_sim.native", "drive.hpp"))
    }
    sources |= {"model.inc": written.declared, "rows.bin": written.rows}
    gates = ["-O2", *toolchain.accepted(*GATES)]
    counting = ["-O3", "-DCOUNTED", *toolchain.accepted(*COUNTERS)]
    files = {"harness.cpp": counting if more else ["-O2"]}
    for n, text in enumerate(written.files):
        sources[f"model{n}.cpp"] = text if n else text + MEMORIES
        files[f"model{n}.cpp"] = gates
    return programs.compile_files(sources, files, *COMPILE, *toolchain.native(), of=of)
