"""Programs in the cache, which machines of one kind may send to each other."""

from pathlib import Path

from bitlight.errors import SimulationError
from bitlight.files import kept

SECTION = "simulators"
PROGRAM = "simulator"


def is_intact(program: Path) -> bool:
    """Whether a program is, bit for bit, what was put into the cache."""
    return kept.read_checked(program.parent) is not None


def content(program: Path) -> tuple[bytes, str]:
    """A program of the cache to send to another machine: its bytes, and their digest."""
    entry = kept.read_checked(program.parent)
    if entry is None:
        raise SimulationError(f"{program} was changed since it was compiled: compile it again")
    return program.read_bytes(), entry.digests[PROGRAM]


def find_installed(key: str) -> Path | None:
    """The program of a key, if a whole one is in the cache."""
    found = kept.find(SECTION, key, programs=True)
    return None if found is None else found.path / PROGRAM


def install(key: str, content: bytes) -> Path:
    """Keep a program that another machine of the same kind has compiled.

    Raises
    ------
    SimulationError
        If it cannot be written.
    """
    try:
        with kept.work(SECTION, programs=True) as folder:
            path = folder / PROGRAM
            path.write_bytes(content)
            path.chmod(0o755)
            return kept.keep(SECTION, key, {PROGRAM: path}, folder).path / PROGRAM
    except OSError as error:
        raise SimulationError(f"cannot keep a simulator: {error}") from error
