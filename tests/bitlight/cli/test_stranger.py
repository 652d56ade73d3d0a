"""Another user of the machine reads nothing of a run and changes nothing."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from bitlight import Linear, Network

STRANGER = 65534
COMMANDS = {
    "simulate": "simulate net.bnn random:400000 --cycles 64 --engine sliced --processes 2",
    "verilator": "simulate net.bnn random:100000 --cycles 64 --processes 2",
    "features": "features net.bnn random:400000 out --engine rtl --folding 2,12/2,16",
    "golden": "features net.bnn random:9000000 out",
    "cosim": "cosim net.bnn random -n 400 --cycles 64 --simulator icarus --folder out",
    "synth": "synth net.bnn --cycles 64 --target ice40-up5k --folder out",
    "train": "train lfc digits out --epochs 500 --batch-size 64",
}


def reached(folder, kind):
    """What of a folder a stranger can read, or write; find itself says."""
    found = subprocess.run(
        ["find", folder, "!", "-type", "l", f"-{kind}", "-print"],
        user=STRANGER,
        group=STRANGER,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    return set(found.stdout.splitlines())


def doors(process):
    """Sockets on which a process or its children wait for others."""
    found = []
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            for connection in one.net_connections("all"):
                listens = connection.status == psutil.CONN_LISTEN
                if listens or (connection.family.name == "AF_UNIX" and connection.laddr):
                    found.append(connection.laddr)
    return found


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_there_for_a_stranger(name):
    rng = np.random.default_rng(0)
    layers = [
        Linear(rng.random((16, 12)) < 0.5, rng.integers(-400, 400, 16)),
        Linear(rng.random((8, 16)) < 0.5, rng.integers(-3, 4, 8)),
    ]
    # The folder itself is open to all, as that of temporary files is; pytest's own are not.
    open_ = Path(tempfile.mkdtemp())
    (open_ / "tmp").mkdir()
    for folder in (open_, open_ / "tmp"):
        folder.chmod(0o1777)
    Network((12,), 8, layers).save(open_ / "net.bnn")
    (open_ / "net.bnn").chmod(0o600)
    environment = os.environ | {
        "TMPDIR": str(open_ / "tmp"),
        "BITLIGHT_CACHE": str(open_ / "cache"),
    }
    given = {str(open_), str(open_ / "tmp")}
    process = psutil.Popen(
        [sys.executable, "-m", "bitlight.cli", *COMMANDS[name].split()],
        cwd=open_,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        umask=0o022,
        start_new_session=True,
    )
    looks = 0
    try:
        ends = time.monotonic() + 40
        while process.poll() is None and time.monotonic() < ends:
            assert doors(process) == []
            for place in (open_, *Path("/dev/shm").glob("bitlight.*")):
                for kind in ("readable", "writable"):
                    found = reached(place, kind) - given
                    if kind == "readable":  # outputs are as the umask says
                        found = {path for path in found if not path.startswith(str(open_ / "out"))}
                    assert found == set(), kind
            looks += 1
            time.sleep(0.2)
        assert looks > 3
    finally:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(open_)
