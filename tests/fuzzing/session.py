"""Runs workers; a crash or a hang ends one of them, is counted, and the next goes on behind it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def fuzz(name, files, first=0):
    """Figures of that many files of a format.

    Returns
    -------
    dict with `files`, `answers` (loaded, and right), `errors` (refused, and clearly), `failed` and
    up to 20 `failures` of each worker, pairs of a file's number and what went wrong; `seconds` of
    loading, `slowest_s`, `bytes` of all files, the most memory that one took, `peak_bytes`, and the
    most that one of the `large` took for each of its bytes, `peak_ratio`
    """
    found, end = {}, first + files
    while first < end:
        with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "fuzzing.worker",
                    name,
                    str(first),
                    str(end - first),
                    folder,
                ],
                env=os.environ
                | ONE_THREAD
                | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
                capture_output=True,
                text=True,
                check=False,
            )
            at = Path(folder, "number")
            if done.returncode >= 0:
                if done.returncode:
                    raise RuntimeError(f"the worker of {name} failed:\n{done.stderr}")
                return _sum(found, json.loads(done.stdout.splitlines()[-1]))
            if not at.exists():
                raise RuntimeError(f"the worker of {name} died before its first file")
            number = int(at.read_text())
            noted = Path(folder, "figures")
            known = json.loads(noted.read_text()) if noted.exists() else {"files": 0}
        # The files between those that it noted and this one are loaded again.
        found, first = _sum(found, known), first + known["files"]
        if number > first:
            found = _sum(found, fuzz(name, number - first, first))
        ended = signal.Signals(-done.returncode)
        hung = ended in (signal.SIGPROF, signal.SIGALRM)
        what = "hangs" if hung else f"ends the process by {ended.name}"
        found = _sum(found, {"files": 1, "failed": 1, "failures": [[number, what]]})
        first = number + 1
    return found


def _sum(found, more):
    total = dict(found)
    for name, value in more.items():
        most = name.startswith(("slowest", "peak"))
        known = total.get(name)
        if known is None:
            total[name] = value
        else:
            total[name] = max(known, value) if most else known + value
    return total
