"""What synthesis, place and route found out about a design."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bitlight_hw.synthesis.area import Area
from bitlight_hw.synthesis.placement import Placement
from bitlight_hw.synthesis.targets import Target


@dataclass(frozen=True)
class Report:
    """A design on its target.

    Attributes
    ----------
    target : Target
    total : Area
        Of the flattened design alone, as Yosys maps it; `cells` are the counts behind it.
    units : dict of str to Area
        Of each unit, from a second run that keeps the hierarchy; "" is the top's own logic. Their
        sum is some percent more than `total`, because nothing is shared or simplified between
        units. Empty if it was not asked for.
    placement : Placement or None
    logs : list of pathlib.Path
    seconds : dict of str to float
        Of each step; of one that was done before, what it took then.
    cached : set of str
        Steps that were done before.

    Examples
    --------
    >>> from bitlight_hw.synthesis import target
    >>> report = Report(target("ecp5-25k"), Area(luts=120), {}, {}, None, [], {}, set())
    >>> report.total.luts, report.images_per_s(1000)  # there is no clock without place and route
    (120, None)
    """

    target: Target
    total: Area
    cells: dict[str, int]
    units: dict[str, Area]
    placement: Placement | None
    logs: list[Path]
    seconds: dict[str, float]
    cached: set[str]

    @property
    def units_total(self) -> Area:
        """The sum over `units`."""
        return sum(self.units.values(), Area())

    def images_per_s(self, cycles_per_image: int) -> float | None:
        """Images per second at the highest clock frequency; None without place and route."""
        if self.placement is None:
            return None
        return self.placement.fmax_mhz * 1e6 / cycles_per_image

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain numbers and text.

        Each area has `blocks` too, the smallest block RAMs, so that `luts`, `memory_luts` and
        `blocks` compare with those of `bitlight_hw.estimate.Estimate`.
        """
        placement = self.placement
        placed = None
        if placement is not None:
            bitstream = None if placement.bitstream is None else str(placement.bitstream)
            placed = asdict(placement) | {"bitstream": bitstream}
        return {
            "target": self.target.name,
            "total": self._counts(self.total),
            "cells": self.cells,
            "units": {name: self._counts(unit) for name, unit in self.units.items()},
            "placement": placed,
            "logs": [str(log) for log in self.logs],
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
            "cached": sorted(self.cached),
        }

    def _counts(self, area: Area) -> dict[str, float]:
        return asdict(area) | {"blocks": round(area.brams * self.target.blocks_per_bram)}
