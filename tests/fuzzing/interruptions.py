"""`python -m fuzzing.interruptions`: commands that are killed or told to stop at a random moment.

Each case is a command, a signal and a moment. Behind it no process of the command is left, what it
reads is as it was, and its output is whole, as it was before, or absent. The same command, given
again, ends well with the output of an undisturbed run, and leaves nothing else behind: no
temporary file, no shared memory. `--number` makes one case again.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from processes import session_of
from stores import filled_store

from bitlight import FeatureStore, Linear, Network, RidgeHead
from bitlight.features.npz import FeatureFile

SHARED = Path("/dev/shm")  # where nothing else of bitlight should run meanwhile
LONGEST_S = 300
GRACE_S = 10  # for children whose parent was killed to notice it
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Command:
    """What is interrupted.

    Attributes
    ----------
    line : str
        Arguments, as they would be typed.
    outputs : tuple of str
        What it writes: files, or folders.
    share : int
        How often it is drawn, beside others.
    again : tuple of str
        Outputs that a run leaves for the next one to go on with: they need not be whole behind an
        interruption.
    cold : bool
        Whether it begins with an empty cache.
    """

    line: str
    outputs: tuple[str, ...]
    share: int = 4
    again: tuple[str, ...] = ()
    cold: bool = False


COMMANDS = [
    Command("features net.bnn x.npy f.npz", ("f.npz",)),
    Command("features net.bnn random:6000 filled --chunk 200", ("filled",), 8, ("filled",)),
    Command(
        "features net.bnn random:400 rtl --engine rtl --folding 2,12/2,16 --chunk 64",
        ("rtl",),
        6,
        ("rtl",),
    ),
    Command("project bits.npz p.npz --components 300", ("p.npz",)),
    Command("project store projected --components 300", ("projected",), 6, ("projected",)),
    Command("head train bits.npz h.head --alpha 10", ("h.head",)),
    Command("head train store s.head", ("s.head",)),
    Command("head train bits.npz l.head --kind linear", ("l.head",)),
    Command("head export made.head c.h", ("c.h",), 2),
    Command("head export made.head c.onnx", ("c.onnx",), 2),
    Command("head score made.head bits.npz --json j", (), 2),
    Command("store merge merged store", ("merged",), 4, ("merged",)),
    Command("store export store e.npz", ("e.npz",), 3),
    Command("store export store e.parquet", ("e.parquet",), 3),
    Command("export net.bnn n.onnx", ("n.onnx",), 2),
    Command("import net.onnx n.bnn", ("n.bnn",), 2),
    Command("verilog net.bnn n.v --cycles 64", ("n.v",), 3),
    Command("plan net.bnn --cycles 64", (), 2),
    Command("simulate net.bnn x.npy --cycles 64 --engine sliced", (), 3),
    Command("simulate net.bnn x.npy --cycles 64 --engine sliced --processes 2", (), 3, cold=True),
    Command("simulate net.bnn x.npy --cycles 64 --processes 2", (), 4, cold=True),
    Command("cosim net.bnn x.npy --cycles 64 --simulator icarus --folder waves", (), 3, ("waves",)),
    Command("synth net.bnn --cycles 64 --target ice40-up5k --folder synth", (), 3, ("synth",)),
    Command("train tfc digits run --epochs 6", ("run/network.bnn",), 6, ("run",)),
    Command("cache show", (), 1),
]


def prepare(folder):
    """What the commands read."""
    rng = np.random.default_rng(0)
    layers = [
        Linear(rng.random((16, 12)) < 0.5, rng.integers(-400, 400, 16)),
        Linear(rng.random((8, 16)) < 0.5, rng.integers(-3, 4, 8)),
    ]
    net = Network((12,), 8, layers)
    net.save(folder / "net.bnn")
    np.save(folder / "x.npy", rng.integers(0, 256, (80, 12), np.uint8))
    bits = rng.integers(0, 2, (1500, 200), dtype=np.uint8)
    labels = bits[:, 0] + bits[:, 1] * 2
    FeatureFile(bits, labels.astype(int), net.id).save(folder / "bits.npz")
    RidgeHead([10.0]).fit(bits, labels).save(folder / "made.head", net.id)
    _run("export net.bnn net.onnx", folder, os.environ)
    filled_store(folder / "store", samples=400)


def content(path):
    """What an output holds, equal for equal results; raises if it is not whole."""
    if path.is_dir():
        store = FeatureStore(path)
        missing = len(store.missing())
        for chunk in store.present():
            store.check_chunk(chunk)
        rows = [] if missing else [store.packed().tobytes(), store.labels().tobytes()]
        return missing, hashlib.sha256(b"".join(rows)).hexdigest()
    if path.suffix == ".npz":
        found = FeatureFile.load(path)
        return found.features.tobytes(), found.labels.tobytes(), found.id
    return path.read_bytes()


def _run(line, folder, environment):
    return subprocess.run(
        [sys.executable, "-m", "bitlight.cli", *line.split()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )


class Reference:
    """What undisturbed runs give, how long they take, and the caches that they leave."""

    def __init__(self, folder):
        self.folder, self.cache = folder / "inputs", folder / "cache"
        self.folder.mkdir()
        prepare(self.folder)
        self.inputs = {path.name: _digest(path) for path in self.folder.iterdir()}
        self.seconds, self.outputs = {}, {}
        for command in COMMANDS:
            for _ in range(2):  # the second time with a warm cache
                place = folder / "undisturbed"
                shutil.copytree(self.folder, place)
                cache = folder / "cold" if command.cold else self.cache
                started = time.monotonic()
                done = _run(command.line, place, surroundings(place, cache))
                self.seconds[command] = time.monotonic() - started
                assert done.returncode == 0, (command.line, done.stderr)
                print(f"{command.line}: {self.seconds[command]:.1f} s", flush=True)
                self.outputs[command] = {name: content(place / name) for name in command.outputs}
                shutil.rmtree(place)
                if command.cold:
                    shutil.rmtree(folder / "cold")
                    break


def surroundings(folder, cache):
    """Variables of a command: its own temporary files and cache."""
    temporary = folder.with_name(f"{folder.name}-tmp")
    temporary.mkdir(exist_ok=True)
    return os.environ | {
        "TMPDIR": str(temporary),
        "BITLIGHT_CACHE": str(cache),
        "NUMBA_CACHE_DIR": str(Path(tempfile.gettempdir()) / "bitlight-fuzz-numba"),
    }


def _digest(path):
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    parts = [file.read_bytes() for file in files if file.is_file()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def interrupt(reference, folder, number, kill):
    """One case: what failed, or None; and what happened."""
    rng = random.Random(f"{number} {kill}")
    command = rng.choices(COMMANDS, [command.share for command in COMMANDS])[0]
    sent = signal.SIGKILL if kill else rng.choice(STOPS)
    moment = rng.uniform(0, 1.1) * reference.seconds[command]
    place = folder / f"case{number}"
    shutil.copytree(reference.folder, place)
    cache = folder / f"case{number}-cache" if command.cold else reference.cache
    environment = surroundings(place, cache)
    temporary = Path(environment["TMPDIR"])
    before = set(SHARED.glob("bitlight.*"))
    label = f"{command.line}: {sent.name} after {moment:.2f} s"
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "bitlight.cli", *command.line.split()],
            cwd=place,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(sent)
            code = process.wait(LONGEST_S)
        found = list(_faults(reference, command, place, process.pid, sent, code))
        again = _run(command.line, place, environment)
        if again.returncode:
            found.append(f"again: {again.returncode}, {again.stderr[-300:]}")
        else:
            found += _differences(reference, command, place)
        found += [f"left in {temporary.name}: {path.name}" for path in temporary.iterdir()]
        found += [f"shared memory left: {path}" for path in set(SHARED.glob("bitlight.*")) - before]
        return label, "; ".join(found) or None, code
    finally:
        for path in (place, temporary, folder / f"case{number}-cache"):
            shutil.rmtree(path, ignore_errors=True)


def _faults(reference, command, place, leader, sent, code):
    """What is wrong behind the interruption."""
    if code not in (0, -sent) and code != 128 + sent:
        yield f"exit status {code}"
    patience = time.monotonic() + GRACE_S * (sent == signal.SIGKILL)
    while session_of(leader) and time.monotonic() < patience:
        time.sleep(0.05)
    for child in session_of(leader):
        yield f"process {child} is left"
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    for name, digest in reference.inputs.items():
        if _digest(place / name) != digest:
            yield f"{name} has changed"
    for name in command.outputs:
        path = place / name
        if path.exists() and name not in command.again:
            try:
                if content(path) != reference.outputs[command][name]:
                    yield f"{name} is not what it should be"
            except Exception as error:
                yield f"{name} is not whole: {error!r:.200}"


def _differences(reference, command, place):
    """What is wrong behind the next run."""
    for name, expected in reference.outputs[command].items():
        if content(place / name) != expected:
            yield f"{name} differs from that of an undisturbed run"
    written = {*reference.inputs, *command.outputs, *command.again, "j"}
    for path in place.iterdir():
        if path.name not in {name.split("/")[0] for name in written}:
            yield f"left: {path.name}"


def main():
    """Interrupt commands; the exit status is 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing.interruptions", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--signals", type=int, default=200)
    parser.add_argument("--number", type=int, help="make this case alone; with --kills 0 a signal")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures for programs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference = Reference(folder)
        cases = [(n, True) for n in range(given.kills)] + [(n, False) for n in range(given.signals)]
        if given.number is not None:
            cases = [(given.number, given.kills > 0)]
        figures = {"kills": given.kills, "signals": given.signals, "ended": {}, "failures": []}
        ended = Counter()
        for number, kill in cases:
            label, failed, code = interrupt(reference, folder, number, kill)
            ended["before it was over" if code else "in time"] += 1
            if failed or given.number is not None:
                print(f"{'kill' if kill else 'signal'} {number}: {label}: {failed}", flush=True)
            if failed:
                figures["failures"].append([number, kill, label, failed])
        figures["ended"] = dict(ended)
    print(f"{len(cases)} interruptions, {dict(ended)}, {len(figures['failures'])} failed")
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(bool(figures["failures"]))


if __name__ == "__main__":
    sys.exit(main())
