"""Programs in the cache, which machines of one kind may send to each other.

The first half of a program's key says what it is of, the second what it was made from.
"""

from pathlib import Path

from bitlight.errors import SimulationError
from bitlight.files import kept
from bitlight.files.cache import digest

SECTION = "simulators"
PROGRAM = "simulator"
HALF = 32  # of a key's digits


def key_of(of: str, *parts: str) -> str:
    """The key of a program of something, made from these parts."""
    return digest(of)[:HALF] + digest(*parts)[HALF:]


def check(program: Path, of: str) -> None:
    """Refuse what is no program of the cache, or one of something else, which would give its bits.

    Raises
    ------
    SimulationError
        With what it is instead.
    """
    if not program.exists():
        what = "does not exist"
    elif not program.is_file():
        what = "is no file"
    elif not is_intact(program):
        what = "is not in the cache as it was compiled: it was never kept there, or changed"
    elif not program.parent.name.startswith(digest(of)[:HALF]):
        what = "was compiled for another network, folding or engine"
    else:
        return
    raise SimulationError(
        f"the program {program} {what}; it must be the path that "
        "Simulator(acc, engine=…).build() gave, which keeps a program in the cache"
    )


def is_intact(program: Path) -> bool:
    """Whether a program is, bit for bit, what was put into the cache."""
    entry = kept.read_checked(program.parent)
    return entry is not None and program.name in entry.digests


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
