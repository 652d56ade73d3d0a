"""Compiling an accelerator's Verilog into a program, once for each content."""

import os
import shlex
import shutil
from importlib import resources
from pathlib import Path

from bitlight.files.cache import digest
from bitlight.files.programs import key_of
from bitlight_hw import Accelerator
from bitlight_sim import programs, toolchain
from bitlight_sim.programs import Work

VERILATE = [
    "--cc",
    "--exe",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--no-timing",
    "--assert",
]
# The signals inside the design that the harness reads. The stream rules stay a function of their
# own: among the rest, they would keep Verilator from putting conditions together.
VISIBLE = """\
`verilator_config
no_inline -module "accelerator__rules"
public_flat_rd -module "accelerator" -var "waiting"
public_flat_rd -module "accelerator" -var "moved"
"""


def fast() -> list[str]:
    """Options of make for what runs long.

    Measured: -O2 and -fno-tree-vectorize are slower; what runs once need not be fast.
    """
    words = " ".join(["-O3", *toolchain.native()])
    return [f"OPT_FAST={words}", "OPT_SLOW=-O1", "OPT_GLOBAL=-O2"]


def build(acc: Accelerator) -> tuple[Path, bool]:
    """Compile, or find what was compiled before.

    Returns
    -------
    (path of the program, whether it was found)

    Raises
    ------
    SimulationError
        If a tool is missing or fails; the message names the log that is kept.
    """
    toolchain.verilator()  # missing, it is told of before the Verilog is written
    sources = {"visible.vlt": VISIBLE, "accelerator.sv": acc.verilog("simulation")}
    of = programs.identity(acc, "verilator")
    return compiled("accelerator", sources | harness(), VERILATE, fast(), of)


def harness() -> dict[str, str]:
    """What drives an accelerator, by file name."""
    here = resources.files("bitlight_sim.native")
    names = ("harness.cpp", "drive.hpp")
    return {name: here.joinpath(name).read_text(encoding="utf-8") for name in names}


def compiled(
    top: str, sources: dict[str, str], verilate: list[str], flags: list[str], of: str = ""
) -> tuple[Path, bool]:
    """Compile module `top` and its harness by Verilator, or find what was compiled before.

    Parameters
    ----------
    top : str
    sources : dict of str to str
        File name → content. Headers, .hpp and .vh, are there to be included.
    verilate, flags : list of str
        Options of Verilator, and of the make that follows.
    of : str
        What the program is of; see `bitlight_sim.programs.identity`.

    Returns
    -------
    (path of the program, whether it was found)

    Raises
    ------
    SimulationError
        If a tool is missing or fails; the message names the log that is kept.
    """
    verilator, environment = toolchain.verilator()
    verilate = ["--prefix", f"V{top}", "--top-module", top, *verilate]
    identity = f"{toolchain.identity()}\n{toolchain.verilator_identity()}"
    compiler = shlex.join(toolchain.compiler())
    flags = [*flags, f"CXX={compiler}", f"LINK={compiler}"]
    runtime = runtime_key(*flags, identity)

    def compile(given: Work) -> Path:
        with programs.plain(given) as work:
            root = toolchain.link_root(environment, work.folder)
            read = [name for name in sources if not name.endswith((".hpp", ".vh"))]
            work.call([verilator, *verilate, "--Mdir", ".", *read], root)
            copy_runtime(runtime, work.folder)
            jobs = f"-j{len(os.sched_getaffinity(0))}"
            work.call(["make", jobs, "-f", f"V{top}.mk", *flags], root)
            keep_runtime(runtime, work.folder)
            return Path(shutil.copy(work.folder / f"V{top}", given.folder / "compiled"))

    key = key_of(of, *sources.values(), *verilate, *flags, identity)
    return programs.make(key, sources, compile)


def runtime_key(*flags: str) -> str:
    """Under which Verilator's own files are kept, compiled with these flags."""
    return digest("runtime", *flags)


def copy_runtime(key: str, folder: Path) -> None:
    """Copy Verilator's own compiled files to where a simulator is built.

    They are most of a small design's build, and always the same.
    """
    programs.parts(key, folder)


def keep_runtime(key: str, folder: Path) -> None:
    """Keep them, from where a simulator was built."""
    programs.keep_parts(key, folder, "verilated*.o")
