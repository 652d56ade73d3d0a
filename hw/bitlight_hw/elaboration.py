"""RTLIL of Amaranth components."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amaranth.back import rtlil


def to_rtlil(component: Any, name: str, platform: Any) -> str:
    """What a component is, elaborated for a platform, in Yosys' language, without source lines."""
    with _no_collection():
        text: str = rtlil.convert(component, name=name, emit_src=False, platform=platform)
    return text


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
