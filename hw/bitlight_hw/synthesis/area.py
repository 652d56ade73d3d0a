"""Counting the primitives that Yosys mapped a design to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from bitlight_hw.synthesis.targets import Target


@dataclass(frozen=True)
class Area:
    """What a design takes on its target: primitives that Yosys mapped it to.

    Attributes
    ----------
    luts : int
        LUTs as logic.
    memory_luts : int
        LUTs as distributed RAM or shift registers.
    carries, ffs, dsps : int
    brams : float
        Block RAMs, in the unit that the target names.
    large_rams : int
        Single-port RAMs of 256 kbit (iCE40 UltraPlus).

    Examples
    --------
    >>> Area(luts=10, ffs=4).luts
    10
    """

    luts: int = 0
    memory_luts: int = 0
    carries: int = 0
    ffs: int = 0
    brams: float = 0
    dsps: int = 0
    large_rams: int = 0

    @classmethod
    def of(cls, cells: Mapping[str, int], target: Target) -> "Area":
        """The area of cells, given as type → number; types that cost nothing are left out."""
        counts: dict[str, Any] = {}
        for kind, number in cells.items():
            for pattern, (field, weight) in target.primitives.items():
                if re.fullmatch(pattern, kind):
                    counts[field] = counts.get(field, 0) + weight * number
        return cls(**counts)

    def __add__(self, other: "Area") -> "Area":
        return Area(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        )


def labels(target: Target) -> dict[str, str]:
    """Field of `Area` → what the target's users call it, for fields that the target has.

    Examples
    --------
    >>> from bitlight_hw.synthesis import target
    >>> labels(target("ice40-up5k"))["luts"]
    'LUT4'
    """
    names = {
        "luts": f"LUT{target.lut_inputs}",
        "memory_luts": "LUT as memory",
        "carries": target.carry,
        "ffs": "flip-flop",
        "brams": target.block_ram,
        "dsps": "DSP",
        "large_rams": "SPRAM",
    }
    present = {field for field, _ in target.primitives.values()}
    return {field: name for field, name in names.items() if field in present}


def of_units(stat: Mapping[str, Any], top: str, target: Target) -> dict[str, Area]:
    """The area of each unit below the top, and of the top's own cells, if any, as "".

    Parameters
    ----------
    stat : mapping
        What `stat -json` writes about a design that kept its hierarchy: the cells of a module
        count its sub-modules by their names.
    """
    modules = {
        name.removeprefix("\\"): m["num_cells_by_type"] for name, m in stat["modules"].items()
    }

    def whole(name: str) -> Area:
        area = Area.of(modules[name], target)
        for kind, number in modules[name].items():
            for _ in range(number if kind in modules else 0):
                area += whole(kind)
        return area

    inside = re.compile(rf"{re.escape(top)}(\.|__)")  # a module is called after what it is in
    units = {inside.sub("", name, count=1): whole(name) for name in modules[top] if name in modules}
    own = Area.of(modules[top], target)
    return units if own == Area() else units | {"": own}
