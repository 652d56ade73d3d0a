"""`python -m fuzzing.environments`: commands in surroundings that are drawn.

A case is a command and an environment: variables, locale, umask, user, working folder, cache,
names and kinds of the output. The command gives the right answer and ends with 0, or says in one
line what is wrong and ends with 2; nothing but the output that it was told, and the cache, is
touched. `--number` makes one case again.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

STRANGER = 54321  # a user of whom the system knows nothing
LONGEST_S = 300
# Reads all, so that Python is found wherever it is; writes what that user may.
SETPRIV = [
    "setpriv",
    f"--reuid={STRANGER}",
    f"--regid={STRANGER}",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
]
ODD = [
    b"a b",
    b"a\nb",
    b"-a",
    b"--json",
    b"\xff\xfe",
    "ä€".encode(),
    b"'a\"$(b)",
    b"n" * 240,
    b"%s{0}",
]
SHADOWS = ("random", "json", "numpy", "subprocess", "wasmtime", "encodings")
ROOT = os.geteuid() == 0


class Reference:
    """What commands give in an ordinary environment, and what they read.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder):
        from bitlight import Linear, Network

        self.folder = folder
        rng = np.random.default_rng(0)
        layers = [Linear(rng.random((8, 12)) < 0.5, rng.integers(-4, 4, 8))]
        Network((12,), 8, layers).save(folder / "net.bnn")
        np.save(folder / "images.npy", rng.integers(0, 256, (5, 12), np.uint8))
        self.cache = folder / "cache"
        environment = ordinary() | {"BITLIGHT_CACHE": str(self.cache)}
        self.right = {}
        self._features(environment)
        for name, words in COMMANDS.items():
            out = folder / f"right-{name}{SUFFIXES.get(name, '')}"
            done = call(words(os.fspath(folder), os.fspath(out)), environment, folder)
            if done.returncode:
                raise RuntimeError(f"{name}: {done.stderr}")
            self.right[name] = meaning(name, out.read_bytes())
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or "simulator" in path.name else 0o644)

    def _features(self, environment):
        """Features with labels and a head, which other commands read."""
        from bitlight.features.npz import FeatureFile
        from bitlight.heads import RidgeHead

        rng = np.random.default_rng(1)
        features = rng.integers(0, 2, (40, 8), np.uint8)
        labels = np.arange(40) % 4
        FeatureFile(features, labels, "0" * 64).save(self.folder / "labelled.npz")
        RidgeHead().fit(features, labels).save(self.folder / "head.safetensors", "0" * 64)


COMMANDS = {
    "inspect": lambda d, out: ["inspect", f"{d}/net.bnn", f"--json={out}"],
    "plan": lambda d, out: ["plan", f"{d}/net.bnn", "--cycles", "24", f"--json={out}"],
    "features": lambda d, out: ["features", "--", f"{d}/net.bnn", f"{d}/images.npy", out],
    "train": lambda d, out: ["head", "train", "--", f"{d}/labelled.npz", out],
    "show": lambda d, out: ["head", "show", f"{d}/head.safetensors", f"--json={out}"],
    "export": lambda d, out: [
        "head", "export", "--format=c", "--", f"{d}/head.safetensors", out,
    ],
    "qonnx": lambda d, out: ["export", "--", f"{d}/net.bnn", out],
    "verilog": lambda d, out: ["verilog", "--cycles=24", "--", f"{d}/net.bnn", out],
    "cache": lambda d, out: ["cache", "show", f"--json={out}"],
    "simulate": lambda d, out: [
        "simulate", f"{d}/net.bnn", f"{d}/images.npy", "--engine=sliced", "--processes=1",
        "--cycles=24", f"--json={out}",
    ],
}  # fmt: skip
SUFFIXES = {"features": ".npz"}
# How often each is drawn: those that compile are slow without a cache.
OFTEN = {"features": 3, "verilog": 1, "simulate": 2}


def meaning(name, content):
    """What counts of an output: times and places do not."""
    if name == "simulate":
        figures = json.loads(content)
        return {key: value for key, value in figures.items() if not key.endswith("_s")}
    if name == "cache":
        return sorted(json.loads(content))
    if name == "features":
        with contextlib.closing(np.load(io.BytesIO(content))) as arrays:
            return {key: arrays[key].tolist() for key in arrays}
    return hashlib.sha256(content).hexdigest()


def ordinary():
    """The variables that are left alone."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return kept | {"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}


def call(words, environment, cwd, umask=0o022, user=()):
    program = os.path.join(os.path.dirname(sys.executable), "bitlight")
    return subprocess.run(
        [*user, program, *words],
        env=environment,
        cwd=cwd,
        umask=umask,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LONGEST_S,
        check=False,
    )


class Case:
    """One command in one environment, all from its number.

    Parameters
    ----------
    number : int
    reference : Reference
    folder : Path
        Empty; everything of this case is in it.
    """

    def __init__(self, number, reference, folder):
        self.rng = random.Random(number)
        self.reference, self.folder = reference, folder
        self.name = self.rng.choice([n for n in COMMANDS for _ in range(OFTEN.get(n, 2))])
        self.stranger = ROOT and self.rng.random() < 0.4
        self.mounts, self.drawn = [], []
        self.reader = None
        self.umask = self.choose("umask", [0o022, 0o077, 0o002, 0, 0o777])
        self.environment = self.draw_variables()
        self.cwd = self.draw_cwd()
        self.out = self.draw_output()

    def choose(self, what, values):
        """Draw a value; the first is usual, and taken as often as all others together."""
        value = values[0] if self.rng.random() < 0.5 else self.rng.choice(values)
        if value != values[0]:
            self.drawn.append(f"{what} {value!r}")
        return value

    def own(self, path):
        """Give a path to the user of the case."""
        if self.stranger:
            os.chown(path, STRANGER, STRANGER)
        return path

    def make(self, name, mode=0o755):
        """A folder of that user."""
        path = self.folder / os.fsdecode(name)
        path.mkdir()
        path.chmod(mode)
        return self.own(path)

    def mount(self, path, options):
        """A file system of its own, or none where we may not."""
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True, check=False
        )
        if done.returncode == 0:
            self.mounts.append(path)

    def draw_variables(self):
        found = ordinary()
        home = self.choose("home", ["there", "none", "missing", "relative", "file", "a b"])
        if home == "none":
            del found["HOME"]
        else:
            found["HOME"] = {
                "missing": "/nonexistent",
                "relative": "home",
                "file": "/dev/null",
            }.get(home) or os.fspath(self.make("home" if home == "there" else "home a b"))
        drawn = {
            "LC_ALL": ["C.UTF-8", "C", "POSIX", "xx_YY.ISO-8859-1", ""],
            "PYTHONIOENCODING": [None, "ascii", "latin-1", "utf-8", "ascii:strict"],
            "PYTHONUTF8": [None, "0", "1"],
            "PYTHONWARNINGS": [None, "ignore", "always"],
            "NUMBA_DISABLE_JIT": [None, "1"],
            "COLUMNS": [None, "20", "0", "x", "500"],
            "TERM": [None, "dumb", "xterm", "x" * 1000],
            "NO_COLOR": [None, "1"],
            "FORCE_COLOR": [None, "1"],
            "CXX": [None, "env g++", "no-compiler", "'"],
            "BITLIGHT_CACHE_LIMIT": [None, "1M", "0", "much"],
            "MAKEFLAGS": [None, "-n"],
            "XDG_CACHE_HOME": [None, "relative", "/proc/nothing"],
            "MPLBACKEND": [None, "nonsense"],
            "OMP_NUM_THREADS": ["1", "0", "x"],
        }
        for name, values in drawn.items():
            value = self.choose(name, values) if self.rng.random() < 0.4 else values[0]
            if value is not None:
                found[name] = value
        temporary = self.choose("tmpdir", ["usual", "missing", "a b", "full"])
        if temporary != "usual":
            path = self.folder / "no" if temporary == "missing" else self.make(f"tmp {temporary}")
            found["TMPDIR"] = os.fspath(path)
            if temporary == "full" and ROOT:
                self.mount(path, "size=16k,mode=1777")
        self.draw_cache(found)
        return found

    def draw_cache(self, found):
        kinds = ["whole", "none", "new", "file", "everybody's", "read-only", "full", "noexec"]
        kinds += ["damaged", "elsewhere", "others'"]
        kind = self.choose("cache", kinds)
        name = self.choose("its name", [b"cache", *ODD])
        if kind == "none":
            return
        path = self.folder / os.fsdecode(b"c" + name)
        found["BITLIGHT_CACHE"] = os.fspath(path)
        if kind == "elsewhere":
            found["BITLIGHT_CACHE"] = "/proc/nothing"
        elif kind == "file":
            path.write_bytes(b"a file")
        elif kind != "new":
            self.fill_cache(path, kind)

    def fill_cache(self, path, kind):
        """A cache that holds what the reference has made, and what is wrong with it."""
        path.mkdir(mode=0o700)
        if kind in ("full", "noexec") and ROOT:
            self.mount(path, "size=24k" if kind == "full" else "noexec")
        if kind != "full":
            shutil.copytree(self.reference.cache, path, dirs_exist_ok=True)
        for inner in [path, *path.rglob("*")]:
            inner.chmod(0o755 if inner.is_dir() or inner.name == "simulator" else 0o644)
            self.own(inner)
            if kind == "read-only":
                inner.chmod(inner.stat().st_mode & 0o555)
            elif kind == "damaged" and inner.is_file() and inner.stat().st_size:
                content = bytearray(inner.read_bytes())
                content[self.rng.randrange(len(content))] ^= 1 << self.rng.randrange(8)
                inner.write_bytes(content)
        if kind == "everybody's":
            path.chmod(0o777)
        elif kind == "others'" and ROOT:
            os.chown(path, STRANGER + 1, -1)

    def draw_cwd(self):
        kind = self.choose("cwd", ["plain", "odd", "shadows", "read-only"])
        path = self.make(b"w" + (self.rng.choice(ODD) if kind == "odd" else b""))
        if kind == "shadows":
            for name in SHADOWS:
                (path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
        elif kind == "read-only":
            path.chmod(0o555)
        return path

    def draw_output(self):
        name = os.fsdecode(self.choose("output's name", [b"out", *ODD]))
        suffix = SUFFIXES.get(self.name, "")
        parent = self.make("outputs")
        path = parent / (name + suffix)
        kinds = ["new", "old", "link", "pipe", "missing folder", "read-only folder", "folder"]
        kinds += ["full", "dangling", "input"]
        kind = self.kind = self.choose("output", kinds)
        if kind == "old":
            path.write_bytes(b"old")
            path.chmod(0o600)
            self.own(path)
        elif kind in ("link", "dangling"):
            if kind == "link":
                self.own_file(parent / "target", b"old")
            path.symlink_to("target")
        elif kind == "pipe":
            os.mkfifo(path)
            self.own(path)
            self.reader = Reader(path)
        elif kind == "missing folder":
            path = parent / "no" / path.name
        elif kind == "read-only folder":
            parent.chmod(0o555)
        elif kind == "folder":
            path.mkdir()
            self.own(path)
        elif kind == "full" and ROOT:
            self.mount(parent, "size=4k,nr_inodes=4,mode=777")
        elif kind == "input":
            self.own_file(parent / "input", (self.reference.folder / "net.bnn").read_bytes())
            path = parent / "input"
        return path

    def own_file(self, path, content):
        path.write_bytes(content)
        self.own(path)

    def run(self):
        """What went wrong, or nothing; and whether there was an answer."""
        words = COMMANDS[self.name](os.fspath(self.reference.folder), os.fspath(self.out))
        if self.kind == "input" and not any(word.endswith("net.bnn") for word in words):
            self.kind = "old"  # it reads something else
            self.out.chmod(0o600)
        if self.kind == "input":
            words = [os.fspath(self.out) if word.endswith("net.bnn") else word for word in words]
        before = snapshot(self.folder)
        try:
            done = call(
                words, self.environment, self.cwd, self.umask, SETPRIV if self.stranger else ()
            )
        except subprocess.TimeoutExpired:
            return "hangs", False
        piped = self.reader.content() if self.reader else None
        return self.judge(done, before, piped), done.returncode == 0

    def judge(self, done, before, piped):
        errors = done.stderr.decode("utf-8", "replace")
        if "Traceback" in errors or done.returncode not in (0, 2):
            return f"ends with {done.returncode}: {errors[-600:]}"
        if done.returncode == 0:
            if wrong := self.wrong_output(piped):
                return wrong
        else:
            lines = [line for line in errors.splitlines() if not allowed(line)]
            if len(lines) != 1 or not re.match("error: |Error: ", lines[0]):
                return f"no one line: {errors[-600:]}"
        cache = self.environment.get("BITLIGHT_CACHE", "")
        touched = [
            path
            for path, found in (snapshot(self.folder) | before).items()
            if snapshot_of(path) != before.get(path) and not self.expected(path, cache)
        ]
        return f"touched {touched}" if touched else None

    def wrong_output(self, piped):
        """What is wrong with the output of a command that ended with 0."""
        try:
            content = self.out.read_bytes() if piped is None else piped
        except OSError as error:
            return f"ends with 0 and no output: {error}"
        checks = {
            "another answer": meaning(self.name, content) == self.reference.right[self.name],
            "a link was replaced": self.kind not in ("link", "dangling") or self.out.is_symlink(),
            "other permissions": self.kind != "old" or self.out.stat().st_mode & 0o777 == 0o600,
            "an input was overwritten": self.kind != "input",
        }
        return next((wrong for wrong, right in checks.items() if not right), None)

    def expected(self, path, cache):
        """Whether a path may change."""
        homes = [self.environment.get("HOME", ""), cache]
        inside = tuple(home for home in homes if home.startswith(os.fspath(self.folder)))
        target = self.out.parent / "target"
        return path in (os.fspath(self.out), os.fspath(target)) or path.startswith(inside)

    def end(self):
        """Take away what no `rmtree` would."""
        for path in reversed(self.mounts):
            subprocess.run(["umount", path], check=False)
        if self.reader:
            self.reader.content()


class Reader:
    """Reads a pipe from its first byte to its last, also where nobody writes to it.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.parts, self.ended = [], threading.Event()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            last = self.ended.is_set()
            with contextlib.suppress(BlockingIOError):
                while part := os.read(self.descriptor, 1 << 16):
                    self.parts.append(part)
            if last:
                return
            time.sleep(0.01)

    def content(self):
        """All that was written."""
        self.ended.set()
        self.thread.join()
        return b"".join(self.parts)


def allowed(line):
    """Lines of stderr that may stand beside an error."""
    return (
        not line.strip()
        or line.startswith(("working without a cache: ", "libgomp: ", "Usage: ", "Try '"))
        or "compiling" in line
    )


def snapshot(folder):
    """Every path in a folder, and what it is."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            found[path] = snapshot_of(path)
    return found


def snapshot_of(path):
    try:
        status = os.lstat(path)
    except OSError:
        return None
    content = None
    if os.path.isfile(path) and not os.path.islink(path):
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    return status.st_mode, status.st_uid, content


def case(number, reference):
    """Run the case of that number; what went wrong, how it was drawn, whether it had an answer."""
    folder = Path(tempfile.mkdtemp(prefix="environment"))
    folder.chmod(0o755)
    one = None
    try:
        one = Case(number, reference, folder)
        wrong, answered = one.run()
        user = ["a user unknown"] if one.stranger else []
        return wrong, [one.name, *user, *one.drawn], answered
    finally:
        if one is not None:
            one.end()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    """Draw cases; the exit status is 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing.environments", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--number", type=int, metavar="N", help="run this case alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures for programs")
    given = parser.parse_args()
    numbers = range(given.first, given.first + given.cases)
    if given.number is not None:
        numbers = [given.number]
    failed, answers, started = [], 0, time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        reference = Reference(Path(name))
        for number in numbers:
            wrong, drawn, answered = case(number, reference)
            answers += answered
            if wrong or given.number is not None:
                print(f"--number {number}: {wrong or 'right'}; {', '.join(drawn)}", flush=True)
            failed += [number] if wrong else []
            if (number + 1) % 50 == 0:
                print(f"{number + 1 - numbers[0]} cases, {answers} answered", flush=True)
    figures = {
        "cases": len(numbers),
        "answers": answers,
        "failed": len(failed),
        "failures": failed[:20],
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
