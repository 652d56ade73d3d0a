"""Runs of a tool, each done once for each content of its inputs."""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bitlight import SynthesisError
from bitlight.files import kept
from bitlight.files.cache import digest
from bitlight_hw.synthesis import programs

Say = Callable[[str], None]
SECTION = "synthesis"
SECONDS = "seconds.json"
# What the tools call an error, and how a WebAssembly program that runs out of memory ends.
REASON = re.compile(r"^.*(?:ERROR: |wasm trap: )(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """One run of a tool.

    Attributes
    ----------
    name : str
        Its log is NAME.log; a tool that writes a log itself is given that name.
    label : str
        What to tell people while it runs.
    inputs : mapping of str to str or Path
        File name → content, or a file that has it.
    outputs : tuple of str
        Files that it writes.
    """

    name: str
    label: str
    program: str
    arguments: tuple[str, ...]
    inputs: Mapping[str, str | Path]
    outputs: tuple[str, ...]

    @property
    def log(self) -> str:
        """The log's file name."""
        return f"{self.name}.log"


@dataclass(frozen=True)
class Result:
    """Where a step's outputs and log are, how long it took, and whether it was done before."""

    folder: Path
    seconds: float
    cached: bool


class StepFailure(SynthesisError):
    """A tool that ended with an error; `log` is what it wrote."""

    def __init__(self, step: Step, log: Path) -> None:
        said = log.read_text(encoding="utf-8", errors="replace")
        errors = REASON.findall(said) or [said.strip().rpartition("\n")[2]]
        super().__init__(f"{step.program} failed: {errors[-1].strip()}; see {log}")
        self.log = log


def run(step: Step, say: Say, native: bool = False) -> Result:
    """Run a step, or find what it gave before.

    Raises
    ------
    SynthesisError
        If the tool is missing or the cache cannot be written.
    StepFailure
        If the tool fails.
    """
    program = programs.path(step.program, native)
    key = _key(step, programs.version(step.program, native))
    found = kept.find(SECTION, key)
    if found is not None:
        return Result(
            found.path, json.loads((found.path / SECONDS).read_text(encoding="utf-8")), cached=True
        )
    say(step.label)
    try:
        with kept.work(SECTION) as work:
            return _run(step, program, say, work, key)
    except OSError as error:
        raise SynthesisError(f"cannot run {step.program}: {error}") from error


def run_together(several: Sequence[Step], say: Say, native: bool = False) -> list[Result]:
    """The same of several steps, as many at once as there are processors; one that fails ends all.

    Raises
    ------
    SynthesisError, StepFailure
    """
    if len(several) == 1:
        return [run(several[0], say, native)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        begun = [pool.submit(run, step, say, native) for step in several]
        try:
            return [one.result() for one in begun]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            programs.stop()
            raise


def _run(step: Step, program: str, say: Say, work: Path, key: str) -> Result:
    for name, content in step.inputs.items():
        if isinstance(content, Path):
            shutil.copyfile(content, work / name)
        else:
            (work / name).write_text(content, encoding="utf-8")
    # The tools of the pip packages take relative paths only.
    start = time.perf_counter()
    code = programs.call([program, *step.arguments], work, work / step.log, say)
    seconds = time.perf_counter() - start
    missing = [name for name in step.outputs if not (work / name).is_file()]
    if code or missing:
        log = work.parent / f"{key[:12]}.{step.log}"
        os.replace(work / step.log, log)
        raise StepFailure(step, log)
    (work / SECONDS).write_text(json.dumps(seconds))
    files = {name: work / name for name in (*step.outputs, step.log, SECONDS)}
    return Result(kept.keep(SECTION, key, files, work).path, seconds, cached=False)


def _key(step: Step, version: str) -> str:
    inputs = [f"{name} {_content_digest(step.inputs[name])}" for name in sorted(step.inputs)]
    return digest(version, step.program, *step.arguments, *inputs, *step.outputs)


def _content_digest(content: str | Path) -> str:
    if isinstance(content, str):
        return digest(content)
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
