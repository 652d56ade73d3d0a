"""What synthesis makes of a board's design, in Yosys' own models of its cells, bit for bit."""

import numpy as np
import pytest

from bitlight import Linear, Network, SimulationError
from bitlight_hw import Accelerator
from bitlight_hw.boards import board as find
from bitlight_hw.boards.flow import FLOWS, netlist
from bitlight_hw.boards.top import SerialAccelerator
from bitlight_sim import Board, VirtualBoard
from bitlight_sim.board.build import build_cells
from bitlight_sim.cells.models import models


@pytest.mark.slow
@pytest.mark.parametrize("name", ["icebreaker", "orangecrab", "tang_nano_9k"])
def test_the_netlist_is_the_golden_model(name):
    rng = np.random.default_rng(4)
    layer = Linear(rng.random((16, 64)) < 0.5, rng.integers(-60, 60, 16))
    net = Network((8, 8, 1), 4, [layer])
    serial = SerialAccelerator(Accelerator(net, [(2, 4)]), find(name))
    program, _ = build_cells(FLOWS[name].family, netlist(serial))
    images = rng.integers(0, 16, (20, 8, 8, 1)).astype(np.uint8)
    with VirtualBoard(serial, program) as virtual, Board(virtual.port, net) as board:
        out = board.run(images)
    assert np.array_equal(out.features, net.forward(images))
    assert out.image_cycles.tolist() == [serial.linked.latency] * 20


def test_a_family_without_a_model_of_its_block_ram():
    with pytest.raises(
        SimulationError, match="no model of the cells of xc7; .* ice40, ecp5, gowin"
    ):
        models("xc7")
