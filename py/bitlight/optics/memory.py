"""How much memory there is, so that what cannot fit is refused before any work."""

import os
from pathlib import Path

from bitlight.errors import OpticsError


def available() -> int:
    """Bytes that can be used without swapping, as the system says it."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, LookupError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def demand(wanted: int, what: str, instead: str) -> None:
    """Refuse what does not fit.

    Raises
    ------
    OpticsError
        If `wanted` bytes are more than there are.
    """
    have = available()
    if wanted > have:
        raise OpticsError(
            f"{what} take {wanted / 1e9:.3g} GB and {have / 1e9:.3g} GB are free: {instead}"
        )
