"""Compiled simulators, kept in the cache: each is made once for each content."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bitlight import SimulationError
from bitlight.cache import cache_folder, digest
from bitlight_sim import toolchain


def folder() -> Path:
    """Where they are."""
    return cache_folder() / "simulators"


@dataclass(frozen=True)
class Work:
    """A folder to compile in, and the log of what is called there."""

    folder: Path
    log: Path

    def call(self, command: list[str], environment: Mapping[str, str]) -> None:
        """Run a tool.

        Raises
        ------
        SimulationError
            If it fails; the message names the log that is kept.
        """
        with self.log.open("ab") as output:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=output,
                check=False,
            )
        if done.returncode:
            name = Path(command[0]).name
            raise SimulationError(f"{name} failed with {done.returncode}; see {self.log}")


def made(
    key: str, sources: Mapping[str, str | bytes], compile: Callable[[Work], Path]
) -> tuple[Path, bool]:
    """The program of a key, compiled unless it was before.

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
        If the cache cannot be written or a tool fails.
    """
    program = folder() / key / "simulator"
    if program.is_file():
        return program, True
    try:
        folder().mkdir(parents=True, exist_ok=True)
        work = Work(
            Path(tempfile.mkdtemp(prefix=f"{key[:12]}.", dir=folder())),
            folder() / f"{key[:12]}.log",
        )
        for name, content in sources.items():
            data = content.encode() if isinstance(content, str) else content
            (work.folder / name).write_bytes(data)
    except OSError as error:
        raise SimulationError(f"cannot write to {folder()}: {error.strerror}") from error
    try:
        _keep(compile(work), program)
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)
    work.log.unlink(missing_ok=True)
    return program, False


def install(key: str, content: bytes) -> Path:
    """Keep a program that another machine of the same kind has compiled.

    Raises
    ------
    SimulationError
        If the cache cannot be written.
    """
    program = folder() / key / "simulator"
    try:
        folder().mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{key[:12]}.", dir=folder())
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError as error:
        raise SimulationError(f"cannot write to {folder()}: {error.strerror}") from error
    _keep(Path(name), program)
    return program


def compiled(sources: Mapping[str, str | bytes], *flags: str) -> tuple[Path, bool]:
    """The program of harness.cpp, which includes the other sources, by one call of the compiler.

    Returns
    -------
    (path of the program, whether it was there)

    Raises
    ------
    SimulationError
        If there is no compiler or it fails.
    """
    compiler = toolchain.compiler()

    def compile(work: Work) -> Path:
        work.call([compiler, *flags, "-o", "simulator", "harness.cpp"], os.environ)
        return work.folder / "simulator"

    contents = [part if isinstance(part, str) else part.hex() for part in sources.values()]
    return made(digest(*contents, toolchain.identity({}), *flags), sources, compile)


def _keep(made: Path, program: Path) -> None:
    """Give the program its name in one step; of two that build at once, either may win."""
    made.chmod(0o755)
    try:
        program.parent.mkdir(exist_ok=True)
        os.replace(made, program)
    except OSError as error:
        raise SimulationError(f"cannot write {program}: {error.strerror}") from error
