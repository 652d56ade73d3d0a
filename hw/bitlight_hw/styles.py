"""How a text asks for a kind of memory, in the words of all tools that may read it.

Yosys heeds the first of ram_style, rom_style, ramstyle, … that it meets, whatever is written to;
Vivado knows ram_style and rom_style, Quartus ramstyle and romstyle, Synplify, Lattice's and Gowin's
tools syn_ramstyle and syn_romstyle. A word that a device has no memory for is an error in some of
them, so that a text for every FPGA asks for nothing.
"""

from collections.abc import Mapping
from typing import Literal

Kind = Literal["block", "tables"]
# Families of Lattice, whose synthesis calls its block RAM so.
LATTICE = ("ecp5", "ice40")


def rom(family: str, kind: Kind) -> dict[str, str]:
    """For a memory that nothing is written to, in block RAM or look-up tables."""
    if kind == "block":
        return {
            "ram_style": "block",
            "rom_style": "block",
            "ramstyle": "M20K",
            "romstyle": "M20K",
            "syn_romstyle": "EBR" if family in LATTICE else "block_rom",
        }
    return {
        "ram_style": "registers",  # to Yosys that is logic, and "distributed" a RAM
        "rom_style": "distributed",
        "ramstyle": "logic",
        "romstyle": "logic",
        "syn_romstyle": "logic",
    }


def ram(family: str, kind: Kind) -> dict[str, str]:
    """For a memory with a write port, in block RAM or look-up tables."""
    if kind == "block":
        return {"ram_style": "block", "ramstyle": "M20K", "syn_ramstyle": "block_ram"}
    tables = "distributed" if family in LATTICE else "select_ram"
    return {"ram_style": "distributed", "ramstyle": "MLAB", "syn_ramstyle": tables}


def text(attributes: Mapping[str, str]) -> str:
    """Attributes as Verilog has them in front of what they are of."""
    pairs = ", ".join(f'{name} = "{value}"' for name, value in attributes.items())
    return f"(* {pairs} *) " if pairs else ""
