"""Compiled simulators for workers: sent to those of the same kind of machine that lack them."""

import hashlib
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from bitlight.engines import Programs
from bitlight.files import programs

METADATA = "bitlight-simulators"


def machine() -> str:
    """Digest of what a compiled program asks of a machine: processor and C library."""
    import llvmlite.binding

    has = sorted(name for name, on in llvmlite.binding.get_host_cpu_features().items() if on)
    text = " ".join([platform.machine(), *platform.libc_ver(), *has])
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Shipment:
    """Simulators by the digest of their content; the scheduler has the content.

    Attributes
    ----------
    machine : str
        Kind of machine that they run on.
    keys : dict
        Key of each simulator in the cache, and the digest of its content, by its engine.
    """

    machine: str
    keys: dict[str, tuple[str, str]]

    async def unpacked(self, scheduler: Any) -> Programs:
        """Paths in this worker's cache, into which those go that it lacks.

        None at all if this is another kind of machine: it compiles its own. So it does where the
        scheduler gives another content than the client has sent.
        """
        if not self.keys or machine() != self.machine:
            return {}
        found = {}
        for engine, (key, digest) in self.keys.items():
            path = programs.find_installed(key)
            if path is None:
                content = await scheduler.get_metadata(keys=[METADATA, key], default=None)
                if content is None or hashlib.sha256(content).hexdigest() != digest:
                    continue
                path = programs.install(key, content)
            found[engine] = path
        return found


@contextmanager
def ship(client: Any, built: Programs) -> Iterator[Shipment]:
    """Leave simulators with the scheduler, for workers to fetch, as long as the block runs."""
    keys = {}
    if built:
        for engine, path in built.items():
            content, digest = programs.content(path)
            keys[engine] = path.parent.name, digest
            client.set_metadata([METADATA, path.parent.name], content)
    try:
        yield Shipment(machine(), keys)
    finally:
        with suppress(OSError, TimeoutError):  # the scheduler may be gone
            for key, _ in keys.values():
                client.set_metadata([METADATA, key], None)
