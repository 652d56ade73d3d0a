"""What a simulation shares is gone when it ends, even if its process is killed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from stores import small_network

from bitlight.files import scratch
from bitlight_hw import Accelerator
from bitlight_sim import Simulator, shared

CHILD = """
import numpy as np
from stores import small_network
from bitlight_hw import Accelerator
from bitlight_sim import Simulator
images = np.zeros((400_000, 12), np.uint8)
slow = Accelerator(small_network(), [(1, 1)])  # minutes
with Simulator(slow, engine="verilator") as simulator:
    simulator.run(images, lambda done: print("runs", flush=True))
"""


def left():
    """Folders of simulations, and processes that work on them."""
    folders = set(Path(scratch.MEMORY).glob("bitlight.*"))
    names = {folder.name for folder in folders}
    running = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_text()
        except OSError:
            continue
        running += [name for name in names if name in command]
    return folders, set(running)


def test_a_folder_lives_as_long_as_its_block():
    with shared.folder(100) as folder:
        copy = shared.array(folder / "a", np.arange(5))
        assert np.array_equal(np.fromfile(folder / "a", np.int64), copy)
        scratch.sweep(folder.parent, scratch.SHARED)
        assert folder.exists()
    assert not folder.exists()


def test_a_killed_process_leaves_neither_simulators_nor_their_arrays():
    folders, _ = left()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout.readline() == "runs\n"
    mine = {folder for folder in left()[0] - folders if folder.stat().st_size}
    names = {folder.name for folder in mine}
    assert names & left()[1]
    process.kill()
    process.communicate()
    ends = time.monotonic() + 10
    while names & left()[1]:
        assert time.monotonic() < ends, "simulators go on"
        time.sleep(0.01)
    with Simulator(Accelerator(small_network())) as simulator:
        simulator.run(np.zeros((2, 12), np.uint8))
    # Simulations of other tests may run beside this one.
    assert any(not folder.exists() for folder in mine)
