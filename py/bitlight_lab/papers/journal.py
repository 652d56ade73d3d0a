"""The journal of an experiment: a JSON line for each finished run, found by its parameters."""

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitlight.errors import BitlightError, DataError, reason
from bitlight.files.replacing import replacing

PACKAGES = ("bitlight", "numpy", "numba", "scikit-learn", "torch", "torchvision", "onnxruntime")


@dataclass(frozen=True)
class Cell:
    """A run that may be done.

    Attributes
    ----------
    parameters : dict of plain values
        All that its result depends on, seed included, beside versions and the machine's speed.
    run : callable
        Gives the result, a dict for JSON.

    Examples
    --------
    >>> Cell({"seed": 0}, lambda: {"accuracy": 0.9}).run()
    {'accuracy': 0.9}
    """

    parameters: Mapping[str, Any]
    run: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Found:
    """A finished run.

    Examples
    --------
    >>> Found({"seed": 0}, {"accuracy": 0.9}).result["accuracy"]
    0.9
    """

    parameters: dict[str, Any]
    result: dict[str, Any]


class Journal:
    """Finished runs in a file of JSON lines; one line is written at once, behind the others.

    A line that an interruption left unfinished is dropped when the file is opened.

    Parameters
    ----------
    path : path
        Made with its folder at the first line.

    Raises
    ------
    DataError
        If another line is no run.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(f"{folder}/runs.jsonl")
    ...     journal.add({"seed": 0}, {"top1": 0.5}, seconds=1.0)
    ...     Journal(f"{folder}/runs.jsonl").result({"seed": 0})
    {'top1': 0.5}
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._runs = {_key(run["parameters"]): run for run in self._read()}

    def _read(self) -> Iterable[dict[str, Any]]:
        if not self.path.is_file():
            return
        content = self.path.read_bytes()
        whole, newline, torn = content.rpartition(b"\n")
        if torn:
            with replacing(self.path) as file:
                file.write(whole + newline)
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                run = json.loads(line)
                run["parameters"], run["result"]
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                raise DataError(
                    f"{self.path}, line {number}, is no run: {reason(error)}"
                ) from error
            yield run

    def result(self, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the run with exactly these parameters gave; None if it is not there."""
        run = self._runs.get(_key(parameters))
        return None if run is None else run["result"]

    def add(self, parameters: Mapping[str, Any], result: dict[str, Any], seconds: float) -> None:
        """Append a run, with versions, processor and threads."""
        run = {
            "parameters": dict(parameters),
            "result": result,
            "seconds": round(seconds, 3),
            "environment": environment(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            line = memoryview((json.dumps(run) + "\n").encode())
            while line:  # a disk that is nearly full takes a part
                line = line[os.write(handle, line) :]
            os.fsync(handle)
        except OSError as error:
            raise BitlightError(f"cannot write {self.path}: {error.strerror}") from error
        finally:
            os.close(handle)
        self._runs[_key(parameters)] = run

    def complete(
        self, cells: Iterable[Cell], say: Callable[[str], None] = lambda label: None
    ) -> list[Found]:
        """Do what is not done yet; all these runs, in order.

        Parameters
        ----------
        cells : iterable of Cell
        say : callable, optional
            Called with a line about each run that begins.
        """
        found = []
        cells = list(cells)
        for number, cell in enumerate(cells, 1):
            result = self.result(cell.parameters)
            if result is None:
                say(f"{number} of {len(cells)}: {_label(cell.parameters)}")
                started = time.perf_counter()
                result = cell.run()
                self.add(cell.parameters, result, time.perf_counter() - started)
            found.append(Found(dict(cell.parameters), result))
        return found


def environment() -> dict[str, Any]:
    """Versions, processor and threads."""
    from bitlight_lab.benchmarks.harness import processor

    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"processor": processor(), "threads": _threads(), "versions": versions}


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _key(parameters: Mapping[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)


def _label(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters.items())
