"""Compiling an accelerator's Verilog into a program, once for each content."""

import os
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

from bitlight import SimulationError
from bitlight.cache import cache_folder, digest
from bitlight_sim import toolchain

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


def build(verilog: str) -> tuple[Path, bool]:
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
    harness = resources.files("bitlight_sim.native").joinpath("harness.cpp").read_text()
    identity = toolchain.identity(environment)
    key = digest(verilog, harness, VISIBLE, *VERILATE, *COMPILE, identity)
    folder = cache_folder() / "simulators"
    runtime = runtime_folder(*COMPILE, identity)
    program = folder / key / "simulator"
    if program.is_file():
        return program, True
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f"{key[:12]}.", dir=folder))
        (work / "accelerator.sv").write_text(verilog)
        (work / "harness.cpp").write_text(harness)
        (work / "visible.vlt").write_text(VISIBLE)
    except OSError as error:
        raise SimulationError(f"cannot write to {folder}: {error.strerror}") from error
    log = folder / f"{key[:12]}.log"
    sources = ["visible.vlt", "accelerator.sv", "harness.cpp"]
    _call([verilator, *VERILATE, "--Mdir", ".", *sources], work, environment, log)
    copy_runtime(runtime, work)
    jobs = f"-j{len(os.sched_getaffinity(0))}"
    _call(["make", jobs, "-f", "Vaccelerator.mk", *COMPILE], work, environment, log)
    copy_runtime(work, runtime)
    _keep(work, program)
    log.unlink(missing_ok=True)
    return program, False


def runtime_folder(*flags: str) -> Path:
    """Where Verilator's own files are kept, compiled with these flags."""
    return cache_folder() / "simulators" / f"runtime-{digest(*flags)}"


def copy_runtime(source: Path, target: Path) -> None:
    """Copy Verilator's own compiled files: most of a small design's build, and always the same."""
    if not target.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("verilated*.o"):
        if not (target / path.name).exists():
            copied = Path(tempfile.mkstemp(dir=target)[1])
            shutil.copy(path, copied)
            os.replace(copied, target / path.name)


def _keep(work: Path, program: Path) -> None:
    """Give the program its name in one step; of two that build at once, either may win."""
    (work / "Vaccelerator").chmod(0o755)
    try:
        program.parent.mkdir(exist_ok=True)
        os.replace(work / "Vaccelerator", program)
    except OSError as error:
        raise SimulationError(f"cannot write {program}: {error.strerror}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _call(command: list[str], work: Path, environment: dict[str, str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(
            command, cwd=work, env=environment, stdout=output, stderr=output, check=False
        )
    if done.returncode:
        shutil.rmtree(work, ignore_errors=True)
        raise SimulationError(f"{Path(command[0]).name} failed with {done.returncode}; see {log}")
