"""The engines "rtl" and "board": features from hardware; see `bitlight.engines`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from bitlight.engines import Compute, Pairs, Programs
from bitlight.errors import NetworkError
from bitlight.files.programs import is_intact
from bitlight.network.network import Network
from bitlight_hw import Accelerator
from bitlight_sim.simulator import Simulator


@contextmanager
def rtl(
    net: Network,
    *,
    folding: Pairs | None = None,
    processes: int = 1,
    few: bool = False,
    programs: Programs | None = None,
    port: str | None = None,
) -> Iterator[Compute]:
    """The accelerator's RTL in a compiled simulator.

    Some images at a time take Verilator less time than the bit-sliced simulator, whose words want
    hundreds.
    """
    accelerator = Accelerator(net, None if folding is None else list(folding))
    kind: Literal["verilator", "sliced"] = "verilator" if few else "sliced"
    programs = {} if programs is None else programs
    program = programs.get(kind)
    if program is not None and not is_intact(program):  # the cache may have been emptied meanwhile
        program = None
    with Simulator(accelerator, processes, engine=kind, program=program) as simulator:
        programs[kind] = simulator.build()
        yield lambda images: simulator.run(images).features


@contextmanager
def board(
    net: Network,
    *,
    folding: Pairs | None = None,
    processes: int = 1,
    few: bool = False,
    programs: Programs | None = None,
    port: str | None = None,
) -> Iterator[Compute]:
    """A board behind a serial port, on which the network is loaded; only the port is chosen here.

    PORT@BAUD is a port of another baud rate than 3,000,000.

    Raises
    ------
    NetworkError
        If there is no port.
    SimulationError
        If nothing answers there, or another network is loaded.
    """
    from bitlight_sim.board.board import BAUD, Board

    if port is None:
        raise NetworkError('the engine "board" wants a port, as in port="/dev/ttyUSB1"')
    path, _, baud = port.rpartition("@") if re.search(r"@\d+$", port) else (port, "", str(BAUD))
    with Board(path, net, baud=int(baud)) as opened:
        yield lambda images: opened.run(images).features
