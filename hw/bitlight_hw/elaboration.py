"""What Amaranth makes of a component: text in Yosys' language, or the netlist before that."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amaranth.back import rtlil

# Amaranth has no public name for its netlist; pyproject.toml pins the versions that have this one.
from amaranth.hdl import Fragment, Value, _ir, _nir
from amaranth.lib import wiring


def to_rtlil(component: Any, name: str, platform: Any) -> str:
    """What a component is, elaborated for a platform, in Yosys' language, without source lines."""
    with _no_collection():
        text: str = rtlil.convert(component, name=name, emit_src=False, platform=platform)
    return text


def to_cells(component: Any, name: str, platform: Any) -> Any:
    """What a component is, elaborated for a platform, as Amaranth's netlist of cells.

    It is what `to_rtlil` writes down, before nets are routed through modules and searched for
    loops; nets that are bound late have yet to be looked up in its `connections`.

    Returns
    -------
    amaranth.hdl._nir.Netlist
    """
    ways = {"i": _ir.PortDirection.Input, "o": _ir.PortDirection.Output}
    flat = flat_ports(component.signature, component)
    ports = {called: (value, ways[way]) for way, called, value in flat}
    with _no_collection():
        design = Fragment.get(component, platform).prepare(ports=ports, hierarchy=(name,))
        netlist = _nir.Netlist()
        _ir._emit_netlist(netlist, design)
    return netlist


def flat_ports(signature: wiring.Signature, ports: Any) -> Iterator[tuple[str, str, Value]]:
    """("i" or "o", name, value) of each port, as an `Instance` takes them."""
    for path, member, value in signature.flatten(ports):
        way = "i" if member.flow == wiring.In else "o"
        yield way, "__".join(map(str, path)), Value.cast(value)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the search for cycles, which looks again and again at millions of nets that stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
