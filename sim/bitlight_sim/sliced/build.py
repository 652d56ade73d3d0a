"""Compiling a netlist into a program, once for each content."""

from importlib import resources
from pathlib import Path

from bitlight_hw import Accelerator
from bitlight_sim import programs
from bitlight_sim.sliced import reading, source

COMPILE = ["-march=native", "-std=c++20"]
# Measured on fashion28 and CNV: -Og is as fast to run as -O1, -O2 and -O3, and compiles in half of
# the time of -O2; of straight lines of vectors there is nothing else to make.
GATES = ["-Og", "-fno-exceptions"]
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
    written = source.write(reading.read(acc))
    sources: dict[str, str | bytes] = {
        name: resources.files(package).joinpath(name).read_text(encoding="utf-8")
        for package, name in (
            ("bitlight_sim.sliced", "harness.cpp"),
            ("bitlight_sim.sliced", "model.hpp"),
            ("bitlight_sim.native", "drive.hpp"),
        )
    }
    sources |= {"model.inc": written.declared, "rows.bin": written.rows}
    files = {"harness.cpp": ["-O2"]}
    for n, text in enumerate(written.files):
        sources[f"model{n}.cpp"] = text if n else text + MEMORIES
        files[f"model{n}.cpp"] = GATES
    return programs.compile_files(sources, files, *COMPILE)
