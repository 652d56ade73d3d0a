"""The parts, single FPGAs, whose size is known: what a design must fit into."""

from dataclasses import dataclass

from bitlight import FoldingError
from bitlight_hw import family as families
from bitlight_hw.family import FAMILIES, Family


@dataclass(frozen=True)
class Part:
    """An FPGA, or a family where it is not said which.

    Attributes
    ----------
    name : str
    family : Family
    cells : int or None
        Places for look-up tables: TRELLIS_COMB of an ECP5, logic cells of an iCE40.
    blocks : int or None
        Smallest block RAMs.
    """

    name: str
    family: Family
    cells: int | None = None
    blocks: int | None = None


PARTS = {
    part.name: part
    for part in [
        Part("ecp5-25k", FAMILIES["ecp5"], 24_288, 56),
        Part("ecp5-45k", FAMILIES["ecp5"], 43_848, 108),
        Part("ecp5-85k", FAMILIES["ecp5"], 83_640, 208),
        Part("ice40-up5k", FAMILIES["ice40"], 5_280, 30),
    ]
}


def part(name: str) -> Part:
    """The part, or the family, of that name.

    Raises
    ------
    FoldingError
        If there is neither.
    """
    if name in PARTS:
        return PARTS[name]
    known = ", ".join([*(family.name for family in FAMILIES.values() if family.block), *PARTS])
    if name not in FAMILIES:
        raise FoldingError(f"target must be one of {known}, not {name!r}")
    if not FAMILIES[name].block:
        raise FoldingError(
            f"what {name!r} takes is not predicted, since its tools decide how memories are made; "
            f"a budget of look-up tables can be kept on {known}"
        )
    return Part(name, families.named(name))
