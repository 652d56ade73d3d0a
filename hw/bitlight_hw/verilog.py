"""Verilog from Amaranth, by one function that pins the Yosys that does it."""

from typing import Any

from amaranth.back import rtlil

from bitlight import BitlightError

# Amaranth's operators widen by themselves, its switches have no default, and a comparison may be
# constant for some parameters, all of which Verilog allows.
LINT = """\
/* verilator lint_off WIDTH */
/* verilator lint_off CASEINCOMPLETE */
/* verilator lint_off CASEOVERLAP */
/* verilator lint_off UNSIGNED */
/* verilator lint_off CMPCONST */
"""


def convert(component: Any, name: str) -> str:
    """SystemVerilog of a component, as Verilator, Icarus and Yosys read it.

    The Yosys that amaranth[builtin-yosys] brings is used, whatever else is installed. `-sv` gives
    `always_comb`; with `always @*` Icarus would leave constants unknown from the start.

    Raises
    ------
    BitlightError
        If that Yosys is missing.
    """
    text = rtlil.convert(component, name=name, emit_src=False)
    script = [
        f"read_rtlil <<rtlil\n{text}\nrtlil",
        "proc -norom",
        "memory_collect",
        "attrmap -remove generator -remove amaranth.hierarchy -remove amaranth.decoding",
        "write_verilog -sv",
    ]
    return LINT + _yosys().run(["-q", "-"], "\n".join(script), ignore_warnings=True)


def _yosys() -> Any:
    from amaranth._toolchain.yosys import _BuiltinYosys

    if not _BuiltinYosys.available():
        raise BitlightError("the Yosys of amaranth[builtin-yosys] is missing: pip install it")
    return _BuiltinYosys
