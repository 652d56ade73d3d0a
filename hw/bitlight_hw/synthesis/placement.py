"""What nextpnr says: clock frequency, utilisation, slowest paths, and why it gave up."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from bitlight import SynthesisError
from bitlight_hw.synthesis.harness import CORE

USED = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%$", re.MULTILINE)
# nextpnr's words when a resource is used up.
FULL = re.compile(
    r"^ERROR: (.*(?:no BELs|[Uu]nable to|[Ff]ailed to place|too many).*)$", re.MULTILINE
)


@dataclass(frozen=True)
class Path:
    """A path between flip-flops or memories.

    Attributes
    ----------
    unit : str
        Where it ends; "" is the top or the harness.
    start, end : str
        Cell and port; "" where nextpnr does not say.
    delay_ns : float
        From the clock edge to the end's input, clock-to-output included.
    levels : int
        Cells of logic between; 0 where nextpnr does not say.

    Examples
    --------
    >>> Path("layer0_matvec", "weight", "sum", delay_ns=9.8).delay_ns
    9.8
    """

    unit: str
    start: str
    end: str
    delay_ns: float
    levels: int = 0


@dataclass(frozen=True)
class Placement:
    """A design placed and routed, inside its harness.

    Attributes
    ----------
    fmax_mhz : float
    utilisation : dict of str to (int, int)
        Resource → (used, available); the harness counts.
    critical : Path or None
        The path that limits the frequency.
    slowest : list of Path
        The slowest end of each unit, slowest unit first. Cells are told apart by the names that
        flattening leaves them; those that lost theirs are under "".
    bitstream : pathlib.Path or None
        Of the harness, with arbitrary pins; None unless it was asked for.
    tried : dict of int to float
        Seed → MHz, of each that was tried; this is the fastest.

    Examples
    --------
    >>> slow = Path("layer0_matvec", "weight", "sum", delay_ns=10.0)
    >>> Placement(100.0, {"TRELLIS_COMB": (120, 24288)}, slow, [slow], None).fmax_mhz
    100.0
    """

    fmax_mhz: float
    utilisation: dict[str, tuple[int, int]]
    critical: Path | None
    slowest: list[Path]
    bitstream: FilePath | None
    tried: dict[int, float] = field(default_factory=dict)


def read(report: Mapping[str, Any], bitstream: FilePath | None = None) -> Placement:
    """The placement that nextpnr's JSON report describes."""
    clocks = [clock["achieved"] for clock in report["fmax"].values()]
    if not clocks:
        raise SynthesisError("nextpnr found no path between two flip-flops: nothing is clocked")
    used = {
        name: (count["used"], count["available"])
        for name, count in report["utilization"].items()
        if count["used"]
    }
    return Placement(min(clocks), used, _critical(report), _slowest(report), bitstream)


def excess(log: str) -> str | None:
    """Of what a design needs more than its device has, if that is why nextpnr gave up."""
    counts = [(name, int(used), int(there)) for name, used, there in USED.findall(log)]
    over = [f"{used:,} {name} of {there:,}" for name, used, there in counts if used > there]
    if over:
        return "it needs " + ", ".join(over)
    full = FULL.search(log)
    return full[1] if full else None


def _critical(report: Mapping[str, Any]) -> Path | None:
    paths = [
        path["path"]
        for path in report["critical_paths"]
        if path["from"].startswith("posedge") and path["to"].startswith("posedge")
    ]
    if not paths:
        return None
    hops = max(paths, key=_delay)
    end = hops[-1]["to"]
    levels = sum(hop["type"] == "logic" for hop in hops)
    return Path(_unit(end["cell"]), _place(hops[0]["from"]), _place(end), _delay(hops), levels)


def _slowest(report: Mapping[str, Any]) -> list[Path]:
    worst: dict[str, Path] = {}
    for net in report.get("detailed_net_timings", []):
        for end in net["endpoints"]:
            if not end["event"].startswith("posedge"):
                continue
            path = Path(_unit(end["cell"]), "", _place(end), max(end["delay"]))
            if path.unit not in worst or path.delay_ns > worst[path.unit].delay_ns:
                worst[path.unit] = path
    return sorted(worst.values(), key=lambda path: -path.delay_ns)


def _delay(hops: list[dict[str, Any]]) -> float:
    return sum(hop["delay"] for hop in hops)


def _unit(cell: str) -> str:
    """The unit that a cell belongs to, which flattening left in its name."""
    found = re.match(rf"{CORE}\.([^.]+)\.", cell)
    return found[1] if found else ""


def _place(end: Mapping[str, Any]) -> str:
    return f"{end['cell'].removeprefix(f'{CORE}.')}.{end['port']}"
