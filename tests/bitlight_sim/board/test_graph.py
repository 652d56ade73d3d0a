"""A network with a shortcut on a board: the same way as any other."""

import numpy as np
import pytest
from graphs import shortcut28

from bitlight import data
from bitlight_hw.boards import board as find
from bitlight_hw.boards.choosing import serial_for
from bitlight_sim import Board, VirtualBoard


@pytest.mark.slow
def test_a_graph_on_a_virtual_board():
    net = shortcut28()
    assert net.id[:12] == "15ae07623fe6"  # that of docs/raw/boards
    serial = serial_for(net, find("ulx3s_85f"))
    assert serial.linked.latency <= serial.linked.line_cycles
    images = data.fashion_mnist("test")[0][:20].reshape(-1, 28, 28, 1)
    with VirtualBoard(serial) as virtual, Board(virtual.port, net, timeout=120) as board:
        out = board.run(images)
    assert 0 < out.features.mean() < 1
    assert np.array_equal(out.features, net.forward(images))
    assert (out.image_cycles == serial.linked.latency).all()
