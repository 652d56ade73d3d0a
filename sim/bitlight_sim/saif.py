"""Switching activity as a SAIF 2.0 file (IEEE 1801-2015, annex I), for power tools."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata

from bitlight_sim.activity import Activity

TOP = "accelerator"
MODULE = re.compile(r"^module (\w+)", re.MULTILINE)
INSTANCE = re.compile(r"^  (\w+) (\w+) \($", re.MULTILINE)
DECLARED = re.compile(
    r"^  (?:(?:input|output|wire|reg)\s+)+(?:signed\s+)?(?:\[\d+:\d+\]\s*)?(\w+)\s*(?:=[^;]*)?;",
    re.MULTILINE,
)
# As the text of read-only memories has them.
IN_HEAD = re.compile(r"(?:input|output)(?: reg)?(?: \[\d+:\d+\])? (\w+)[,)]")


@dataclass(frozen=True)
class Counts:
    """Of one bit: half periods of the clock at 0 and at 1, and changes.

    Attributes
    ----------
    low, high, changes : int
    """

    low: int
    high: int
    changes: int


@dataclass
class _Scope:
    nets: dict[str, list[Counts]] = field(default_factory=dict)
    inner: dict[str, "_Scope"] = field(default_factory=dict)


def declared(verilog: str, top: str = TOP) -> set[tuple[str, ...]]:
    """Paths of all that an accelerator's Verilog declares, from inside the top module on.

    Memories are not among them, nor what the text names only inside functions.
    """
    texts = re.split(r"^(?=module )", verilog, flags=re.MULTILINE)
    modules = {found[1]: text for text in texts if (found := MODULE.match(text))}
    paths: set[tuple[str, ...]] = set()
    waiting: list[tuple[str, tuple[str, ...]]] = [(top, ())]
    while waiting:
        module, path = waiting.pop()
        text = re.sub(r"^  function .*?^  endfunction", "", modules[module], flags=re.M | re.S)
        head = text.partition(";")[0]
        names = DECLARED.findall(text) + IN_HEAD.findall(head)
        paths |= {(*path, name) for name in names}
        waiting += [
            (kind, (*path, name)) for kind, name in INSTANCE.findall(text) if kind in modules
        ]
    return paths


def write(activity: Activity, verilog: str, clock_mhz: float) -> str:
    """What was counted, as SAIF.

    Parameters
    ----------
    activity : Activity
    verilog : str
        The accelerator's Verilog for the target that was simulated; nets that it does not declare
        are left out.
    clock_mhz : float
        The clock that durations are told for.

    Returns
    -------
    str
        Names of the instance `accelerator`, as in the Verilog; one net for each bit. Durations are
        in picoseconds; those of all runs stand end to end.
    """
    half_ps = round(5e5 / clock_mhz)
    top = _Scope()
    for path, counts in _found(activity, declared(verilog)):
        scope = top
        for name in path[:-1]:
            scope = scope.inner.setdefault(name, _Scope())
        scope.nets[path[-1]] = counts
    lines = [
        "(SAIFILE",
        '  (SAIFVERSION "2.0")',
        '  (DIRECTION "backward")',
        '  (PROGRAM_NAME "bitlight")',
        f'  (VERSION "{metadata.version("bitlight")}")',
        "  (DIVIDER / )",
        "  (TIMESCALE 1 ps)",
        f"  (DURATION {2 * activity.cycles * half_ps})",
        *_instance(TOP, top, half_ps, "  "),
        ")",
        "",
    ]
    return "\n".join(lines)


def _found(
    activity: Activity, known: set[tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], list[Counts]]]:
    """Paths that the Verilog has, and what was counted there."""
    half = activity.cycles
    for signal in activity.clocks:
        if signal.path in known:
            yield signal.path, [Counts(half, half, 2 * half)]
    for signal in activity.signals:
        # A word of the language has a line under it in the Verilog.
        escaped = (*signal.path[:-1], f"{signal.path[-1]}_")
        path = signal.path if signal.path in known else escaped
        if path in known:
            highs = [2 * activity.high(net) for net in signal.nets]
            yield (
                path,
                [
                    Counts(2 * half - high, high, activity.changed(net))
                    for net, high in zip(signal.nets, highs, strict=True)
                ],
            )


def _instance(name: str, scope: _Scope, half_ps: int, indent: str) -> Iterator[str]:
    yield f"{indent}(INSTANCE {name}"
    if scope.nets:
        yield f"{indent}  (NET"
        for net, bits in scope.nets.items():
            for place, counts in enumerate(bits):
                bit = net if len(bits) == 1 else f"{net}\\[{place}\\]"
                low, high = counts.low * half_ps, counts.high * half_ps
                yield f"{indent}    ({bit} (T0 {low}) (T1 {high}) (TX 0) (TC {counts.changes}))"
        yield f"{indent}  )"
    for inner, part in scope.inner.items():
        yield from _instance(inner, part, half_ps, f"{indent}  ")
    yield f"{indent})"
