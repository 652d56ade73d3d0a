"""Compiling a netlist into a program, once for each content."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
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
# The contents of memories, beside the tables.
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
    of = programs.identity(acc, "sliced")
    sources = _texts("harness.cpp", "model.hpp", "drive.hpp")
    flags = [*COMPILE, *toolchain.native(), "-O2"]
    with ThreadPoolExecutor(1) as beside:  # the harness is the same for all designs
        harness = beside.submit(programs.compile_object, sources, "harness.cpp", *flags)
        written = source.write(reading.read(acc))
        return _compiled(written, {"harness.o": harness.result()}, {}, of)


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
    sources = _texts("harness.cpp", "drive.hpp", "counters.hpp")
    flags = ["-O3", "-DCOUNTED", *toolchain.accepted(*COUNTERS)]
    groups = {"groups.inc": written.groups}
    program, _ = _compiled(written, sources | groups, {"harness.cpp": flags})
    return Counting(program, netlist, written.counters)


def _compiled(
    written: source.Source,
    harness: Mapping[str, str | bytes],
    files: Mapping[str, list[str]],
    of: str = "",
) -> tuple[Path, bool]:
    """The program of a model and its harness, of which these files are yet to be compiled."""
    gates = ["-O2", *toolchain.accepted(*GATES)]
    names = [f"model{n}.cpp" for n in range(len(written.files))]
    sources = {
        **_texts("model.hpp", "edge.hpp"),
        **harness,
        "tables.cpp": written.tables + MEMORIES,
        "rows.bin": written.rows,
        **dict(zip(names, written.files, strict=True)),
    }
    flags = {**files, "tables.cpp": ["-O2"], **dict.fromkeys(names, gates)}
    return programs.compile_files(sources, flags, *COMPILE, *toolchain.native(), of=of)


def _texts(*names: str) -> dict[str, str]:
    """Files of this folder, or what drives all engines."""
    package = {"drive.hpp": "bitlight_sim.native"}
    folders = {name: resources.files(package.get(name, "bitlight_sim.sliced")) for name in names}
    return {name: folder.joinpath(name).read_text("utf-8") for name, folder in folders.items()}
