"""Compiled simulators, kept in the cache: each is made once for each content."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bitlight import SimulationError
from bitlight.files import kept, scratch
from bitlight.files.cache import log
from bitlight.files.programs import PROGRAM, SECTION, key_of
from bitlight_hw import Accelerator
from bitlight_sim import toolchain

PLAIN = ("/tmp", "/var/tmp", "/dev/shm")  # whose names have no spaces


@dataclass(frozen=True)
class Work:
    """A folder to compile in, and the log of what is called there."""

    folder: Path
    log: Path

    def call(self, command: list[str], environment: Mapping[str, str]) -> None:
        """Run a tool; its own temporary files are in the folder, and go with it.

        Raises
        ------
        SimulationError
            If it fails; the message names the log that is kept.
        """
        with self.log.open("ab") as output:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env={**environment, "TMPDIR": os.fspath(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        if done.returncode:
            name = Path(command[0]).name
            raise SimulationError(f"{name} failed with {done.returncode}; see {self._kept()}")

    def _kept(self) -> Path:
        """The log under a name that stays."""
        return Path(shutil.copy(self.log, self.log.parent.parent / self.log.name))


@contextlib.contextmanager
def plain(work: Work) -> Iterator[Work]:
    """The same work in a folder whose path has no spaces, which make does not take.

    Raises
    ------
    SimulationError
        If there is none.
    """
    if not re.search(r"\s", os.fspath(work.folder)):
        yield work
        return
    for parent in (tempfile.gettempdir(), *PLAIN):
        if not re.search(r"\s", parent) and os.access(parent, os.W_OK):
            with scratch.folder_in(Path(parent)) as folder:
                shutil.copytree(work.folder, folder, dirs_exist_ok=True, symlinks=True)
                yield Work(folder, work.log)
            return
    raise SimulationError(f"make builds nowhere in {work.folder}, for its spaces: set TMPDIR")


def identity(acc: Accelerator, engine: str) -> str:
    """What an accelerator's program is of: by that it is told from others, without compiling."""
    return "\n".join(map(repr, (engine, acc.net.id, acc.folding, acc.dataflow, acc.projection)))


def make(
    key: str, sources: Mapping[str, str | bytes], compile: Callable[[Work], Path]
) -> tuple[Path, bool]:
    """The program of a key, compiled unless a whole one is in the cache.

    Parameters
    ----------
    key : str, from all that the program depends on
    sources : dict of str to content, files to compile from
    compile : callable
        Compiles in the folder that it is given, and returns the program.

    Returns
    -------
    (path of the program, whether it was there)

    Raises
    ------
    SimulationError
        If there is nowhere to compile, or a tool fails.
    """
    found = kept.find(SECTION, key, programs=True)
    if found is not None:
        return found.path / PROGRAM, True
    try:
        with kept.work(SECTION, programs=True) as folder:
            work = Work(folder, folder / f"{key[:12]}.log")
            for name, content in sources.items():
                data = content.encode() if isinstance(content, str) else content
                (folder / name).write_bytes(data)
            entry = kept.keep(SECTION, key, {PROGRAM: compile(work)}, folder)
    except OSError as error:
        raise SimulationError(f"cannot compile a simulator: {error}") from error
    return entry.path / PROGRAM, False


def compile_object(sources: Mapping[str, str], name: str, *flags: str) -> bytes:
    """What a C++ file compiles to, which may include the others; from the cache if it is there.

    Raises
    ------
    SimulationError
        If there is no compiler or it fails.
    """
    compiler, environment = toolchain.compiler(), toolchain.environment()

    def compile(work: Work) -> Path:
        work.call([*compiler, *flags, "-c", "-o", PROGRAM, name], environment)
        return work.folder / PROGRAM

    path, _ = make(key_of(name, *sources.values(), toolchain.identity(), *flags), sources, compile)
    try:
        return path.read_bytes()
    except OSError as error:
        raise SimulationError(f"cannot read what was compiled: {error}") from error


def compile_harness(
    sources: Mapping[str, str | bytes], *flags: str, of: str = ""
) -> tuple[Path, bool]:
    """The program of harness.cpp, which includes the other sources; see `compile_files`."""
    return compile_files(sources, {"harness.cpp": []}, *flags, of=of)


def compile_files(
    sources: Mapping[str, str | bytes], files: Mapping[str, list[str]], *flags: str, of: str = ""
) -> tuple[Path, bool]:
    """The program of C++ files, which are compiled side by side.

    Parameters
    ----------
    sources : dict of str to content
        The files, what they include, and what else is linked, named *.o.
    files : dict of str to list of str
        Flags of each file beside those of all.
    of : str
        What the program is of; see `identity`.

    Returns
    -------
    (path of the program, whether it was there)

    Raises
    ------
    SimulationError
        If there is no compiler or it fails.
    """
    compiler = toolchain.compiler()
    environment = toolchain.environment()

    def compile(work: Work) -> Path:
        objects = [str(Path(name).with_suffix(".o")) for name in files]
        linked = [*objects, *(name for name in sources if name.endswith(".o"))]

        def one(name: str, to: str) -> None:
            work.call([*compiler, *flags, *files[name], "-c", "-o", to, name], environment)

        # The longest first, so that none is compiled alone in the end.
        ordered = sorted(zip(files, objects, strict=True), key=lambda pair: -len(sources[pair[0]]))
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            list(pool.map(one, *zip(*ordered, strict=True)))
        work.call([*compiler, *flags, "-o", PROGRAM, *linked], environment)
        return work.folder / PROGRAM

    contents = [part if isinstance(part, str) else part.hex() for part in sources.values()]
    given = [f"{name}: {' '.join(more)}" for name, more in files.items()]
    return make(key_of(of, *contents, toolchain.identity(), *flags, *given), sources, compile)


def parts(key: str, folder: Path) -> None:
    """Copy the files of an entry into a folder, where they are not there yet."""
    found = kept.find(SECTION, key)
    for name in () if found is None else found.digests:
        if not (folder / name).exists():
            shutil.copy(found.path / name, folder / name)  # type: ignore[union-attr]


def keep_parts(key: str, folder: Path, pattern: str) -> None:
    """Keep copies of the files of that pattern, unless they are kept; a full disk keeps none."""
    try:
        if kept.find(SECTION, key) is not None:
            return
        with kept.work(SECTION) as work:
            copies = {path.name: shutil.copy(path, work) for path in folder.glob(pattern)}
            kept.keep(SECTION, key, {name: Path(path) for name, path in copies.items()}, work)
    except OSError as error:
        log.warning("cannot keep parts of a simulator: %s", error)
