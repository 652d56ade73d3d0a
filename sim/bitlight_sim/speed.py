"""How fast engines are on the same RTL and images, in one run."""

import platform
from pathlib import Path
from typing import Any

import numpy as np

from bitlight_hw import Accelerator
from bitlight_sim.cosimulation import cosimulate
from bitlight_sim.simulator import Simulator


def compare(
    acc: Accelerator, images: np.ndarray, folder: Path, cocotb_images: int = 3
) -> dict[str, Any]:
    """Native simulation against cocotb on Verilator, one process each, builds left out.

    Parameters
    ----------
    images : uint8 array, for the native simulator; cocotb gets the first `cocotb_images`
    folder : Path, for what cocotb builds

    Returns
    -------
    dict with `engines`, `ratio` of images/s, and the machine
    """
    with Simulator(acc) as simulator:
        run = simulator.run(images)
    few = images[:cocotb_images]
    expected = acc.net.forward(few)
    cosimulate(acc, few[:1], expected[:1], "verilator", folder, pauses=False)  # builds
    found = cosimulate(acc, few, expected, "verilator", folder, pauses=False)
    engines = {
        "native": {
            "images": len(images),
            "seconds": run.seconds,
            "images_per_s": run.images_per_s,
            "cycles_per_s": run.cycles / run.seconds,
        },
        "cocotb on verilator": {
            "images": len(few),
            "seconds": found.seconds,
            "images_per_s": len(few) / found.seconds,
            "cycles_per_s": found.cycles / found.seconds,
        },
    }
    return {
        "engines": engines,
        "ratio": engines["native"]["images_per_s"] / engines["cocotb on verilator"]["images_per_s"],
        "network": acc.net.id,
        "folding": acc.folding,
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
