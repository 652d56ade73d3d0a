"""Compiling an accelerator's Verilog into a program, once for each content."""

import os
import shutil
import tempfile
from importlib import resources
from pathlib import Path

from bitlight.cache import digest
from bitlight_hw import Accelerator
from bitlight_sim import programs, toolchain
from bitlight_sim.programs import Work

VERILATE = [
    "--cc",
    "--exe",
    "--prefix",
    "Vaccelerator",
    "--top-module",
    "accelerator",
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
no_inline -module "accelerator.rules"
public_flat_rd -module "accelerator" -var "waiting"
public_flat_rd -module "accelerator" -var "moved"
"""
# Measured: -O2 and -fno-tree-vectorize are slower; what runs once need not be fast.
COMPILE = ["OPT_FAST=-O3 -march=native", "OPT_SLOW=-O1", "OPT_GLOBAL=-O2"]


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
    verilator, environment = toolchain.verilator()
    here = resources.files("bitlight_sim.native")
    sources = {
        "visible.vlt": VISIBLE,
        "accelerator.sv": acc.verilog("simulation"),
        "harness.cpp": here.joinpath("harness.cpp").read_text(),
        "drive.hpp": here.joinpath("drive.hpp").read_text(),
    }
    identity = toolchain.identity(environment)
    runtime = runtime_folder(*COMPILE, identity)

    def compile(work: Work) -> Path:
        read = [name for name in sources if not name.endswith(".hpp")]
        work.call([verilator, *VERILATE, "--Mdir", ".", *read], environment)
        copy_runtime(runtime, work.folder)
        jobs = f"-j{len(os.sched_getaffinity(0))}"
        work.call(["make", jobs, "-f", "Vaccelerator.mk", *COMPILE], environment)
        copy_runtime(work.folder, runtime)
        return work.folder / "Vaccelerator"

    key = digest(*sources.values(), *VERILATE, *COMPILE, identity)
    return programs.made(key, sources, compile)


def runtime_folder(*flags: str) -> Path:
    """Where Verilator's own files are kept, compiled with these flags."""
    return programs.folder() / f"runtime-{digest(*flags)}"


def copy_runtime(source: Path, target: Path) -> None:
    """Copy Verilator's own compiled files: most of a small design's build, and always the same."""
    if not target.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("verilated*.o"):
        if not (target / path.name).exists():
            copied = Path(tempfile.mkstemp(dir=target)[1])
            shutil.copy(path, copied)
            os.replace(copied, target / path.name)
