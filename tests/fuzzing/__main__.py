"""`python -m fuzzing`: files of every format; `--number` makes one of them again."""

import argparse
import json
import sys
from pathlib import Path

from fuzzing.formats import FORMATS
from fuzzing.session import fuzz
from fuzzing.worker import FLOOR, LARGE, TIMES, find, one


def main():
    """Fuzz the formats named, or all; the exit status is 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("--files", type=int, default=50_000, help="of each format")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures for programs")
    parser.add_argument("--number", type=int, metavar="N", help="load this file alone")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write that file here")
    given = parser.parse_args()
    names = given.formats or list(FORMATS)
    if given.number is not None:
        return _again(names[0], given.number, given.keep or Path("fuzzed"))
    failed = 0
    for name in names:
        found = fuzz(name, given.files)
        failed += found["failed"]
        print(
            f"{name:12} {found['files']} files: {found['errors']} refused, {found['answers']} "
            f"right, {found['failed']} failed; {found['seconds']:.1f} s, slowest "
            f"{found['slowest_s']:.3f} s, {found['peak_bytes'] / 1e6:.1f} MB, of large files "
            f"{found['peak_ratio']:.1f} × their size",
            flush=True,
        )
        for number, what in found["failures"]:
            print(f"  --number {number}: {what}", flush=True)
        if given.json:
            _keep(given.json, name, found)
    return int(failed > 0)


def _keep(path, name, found):
    """Put a format's figures into a file, beside those of others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text())["formats"] if path.exists() else {}
    known[name] = {
        figure: round(value, 4) if isinstance(value, float) else value
        for figure, value in found.items()
    }
    allowed = {"times": TIMES, "floor_bytes": FLOOR, "large_bytes": LARGE}
    path.write_text(json.dumps({"allowed": allowed, "formats": known}, indent=2) + "\n")


def _again(name, number, path):
    form = find(name)
    content = form.file(name, number)
    path = path if path.suffix == form.suffix else path.with_name(path.name + form.suffix)
    print(f"{name} number {number}, {len(content)} bytes, in {path}")
    one(form, path, content)
    outcome, taken, seconds = one(form, path, content)
    print(f"{outcome}; {taken} bytes taken, {seconds:.4f} s")
    form.load(path)
    return int(outcome not in ("answer", "error"))


if __name__ == "__main__":
    sys.exit(main())
