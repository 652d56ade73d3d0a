"""What the figures of docs/scale.md have in common: where they are kept, and which chunks began."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from bitlight import Network
from bitlight.data.source import RandomSource
from bitlight.files.replacing import replacing
from bitlight_lab.benchmarks.harness import cores, machine

DOCS = Path("docs")
RAW = DOCS / "raw" / "scale"


class Noted(RandomSource):
    """Noise whose readers write down each chunk that they begin, whichever process they are."""

    def __init__(self, log: Path, count: int, net: Network) -> None:
        super().__init__(count, net.input_shape, net.input_bits)
        self.log = log

    def images(self, rows: range) -> np.ndarray:
        """The same images."""
        if len(rows) > 1:  # the first one alone is looked at when the store is made
            with self.log.open("a") as file:
                file.write(f"{rows.start}\n")
        return super().images(rows)


def record(name: str, figures: dict[str, Any]) -> None:
    """Write figures to docs/raw/scale, with the machine's, and print them."""
    about = {**machine(), "cores": cores(), "load": round(os.getloadavg()[0], 2)}
    RAW.mkdir(parents=True, exist_ok=True)
    with replacing(RAW / f"{name}.json") as file:
        file.write((json.dumps({"machine": about, **figures}, indent=2) + "\n").encode())
    print(json.dumps(figures, indent=2))
