"""What Verilator says of the nets of an accelerator's Verilog while images run through it."""

import re
import subprocess
from importlib import resources
from pathlib import Path

import numpy as np

from bitlight_sim.native import beats, build
from bitlight_sim.simulator import STATUS

TOKEN = re.compile(r"[()]|[^\s()]+")


def read(text):
    """(T0, T1, TC) of each bit of a SAIF file, by its path below the accelerator; and DURATION."""
    tokens = TOKEN.findall(text)
    found, path, duration, place = {}, [], None, 0

    def number(at):
        return int(tokens[at])

    depth, opened = 0, []
    while place < len(tokens):
        token = tokens[place]
        if token == "(":
            depth += 1
            head = tokens[place + 1]
            if head == "INSTANCE":
                path.append(tokens[place + 2])
                opened.append(depth)
            elif head == "DURATION":
                duration = number(place + 2)
            elif tokens[place + 2] == "(" and tokens[place + 3] == "T0":
                end = tokens.index("TC", place)
                fields = dict(
                    (tokens[n + 1], number(n + 2))
                    for n in range(place + 2, end)
                    if tokens[n] == "("
                )
                key = (*path, head.replace("\\", ""))
                assert key not in found, key
                found[key] = fields["T0"], fields["T1"], number(end + 1)
        elif token == ")":
            if opened and opened[-1] == depth:
                opened.pop()
                path.pop()
            depth -= 1
        place += 1
    cut = {
        key[key.index("accelerator") + 1 :]: value
        for key, value in found.items()
        if "accelerator" in key
    }
    return cut, duration


def reference(acc, images, target, folder):
    """(T0, T1, TC) in clock cycles of each bit, from one run of all images."""
    here = Path(__file__).parent
    sources = {
        "accelerator.sv": acc.verilog(target),
        "saif_reference.cpp": (here / "saif_reference.cpp").read_text(),
        "drive.hpp": resources.files("bitlight_sim.native").joinpath("drive.hpp").read_text(),
    }
    flags = ["--cc", "--exe", "-O3", "--trace-saif", "--x-assign", "fast", "--x-initial", "fast"]
    program, _ = build.compiled(
        "accelerator", sources, [*flags, "--no-timing", "-Wno-fatal"], ["OPT_FAST=-O1"]
    )
    beats.to_words(images, acc.beats_in).tofile(folder / "beats")
    shape = len(images), acc.beats_out.count, beats.words(acc.beats_out)
    np.zeros(shape, "<u4").tofile(folder / "results")
    np.zeros(1, STATUS).tofile(folder / "status")
    numbers = [
        0,
        len(images),
        acc.beats_in.count,
        beats.words(acc.beats_in),
        acc.beats_out.count,
        beats.words(acc.beats_out),
        4 * (acc.latency + acc.cycles_per_image) + 1000,
        len(images),
        *acc.links.values(),
    ]
    command = [program, "beats", "results", "status", *map(str, numbers)]
    subprocess.run(command, cwd=folder, env={"FIRST": "1"}, check=True)
    # Verilator counts a change where a net is 1 from the start.
    first, _ = read((folder / "reference.saif").read_text())
    subprocess.run(command, cwd=folder, env={}, check=True)
    all_of_it, duration = read((folder / "reference.saif").read_text())
    return {
        key: (low, high, changes - first[key][2]) for key, (low, high, changes) in all_of_it.items()
    }, duration
