"""Which bitlight runs in a process: two that differ may give different bits."""

import hashlib
import importlib.metadata
import importlib.util
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bitlight.errors import StoreError

PACKAGES = ("bitlight", "bitlight_hw", "bitlight_sim", "bitlight_lab")


@dataclass(frozen=True)
class Code:
    """What tells one bitlight from another.

    Attributes
    ----------
    version : str
    digest : str
        SHA-256 of all Python files of `PACKAGES`, 64 hexadecimal digits.
    host : str
        The machine's name, for people.
    """

    version: str
    digest: str
    host: str

    def differs(self, other: "Code") -> bool:
        """Whether the other one may compute something else."""
        return (self.version, self.digest) != (other.version, other.digest)

    def __str__(self) -> str:
        return f"bitlight {self.version}, source {self.digest[:12]}"


@cache
def own_code() -> Code:
    """Version and digest of the source that this process runs."""
    found = hashlib.sha256()
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for file in sorted(Path(folder).rglob("*.py")):
                name, content = (
                    f"{package}/{file.relative_to(folder).as_posix()}",
                    file.read_bytes(),
                )
                found.update(f"{name}\0{len(content)}\0".encode() + content)
    return Code(importlib.metadata.version("bitlight"), found.hexdigest(), platform.node())


def check_own(wanted: Code) -> None:
    """Refuse to work in this process for another bitlight.

    Raises
    ------
    StoreError
    """
    if own_code().differs(wanted):
        raise _other(own_code(), wanted)


def check_workers(client: Any) -> Code:
    """See that all workers of a cluster have the bitlight of this process, which is given.

    Raises
    ------
    StoreError
        If one has another, or none.
    """
    own = own_code()
    for address, found in client.run(own_code, on_error="return").items():
        if not isinstance(found, Code):
            raise StoreError(f"the worker at {address} lacks this bitlight, {own}: {found}")
        if found.differs(own):
            raise _other(found, own)
    return own


def _other(worker: Code, wanted: Code) -> StoreError:
    return StoreError(
        f"the worker on {worker.host} has {worker}, and the command {wanted}: they may give "
        "different bits; install the same everywhere"
    )
