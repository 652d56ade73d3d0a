"""Path: what it predicts is checked in simulation; here, what it decides."""

import numpy as np
import pytest
from hypothesis import given, settings
from networks import draw_folding, draw_network, seeds

from bitlight import Conv2d, Linear, Network
from bitlight_hw import Accelerator
from bitlight_hw.axi.path import Path


def ones(*shape):
    kind = Conv2d if len(shape) == 4 else Linear
    return kind(np.ones(shape, bool), np.zeros(shape[0], np.int32))


def test_no_queue_where_results_come_after_the_last_word():
    path = Path(Accelerator(Network((12,), 1, [ones(4, 12)]), [(4, 12)]), 8)
    assert path.early_beats == 0
    assert path.queue is None


def test_rows_that_are_done_early_wait_in_a_queue():
    # Without the last byte, 5 rows of 6 are whole, with 4·5 windows, and the last one has 4 of 5.
    net = Network((6, 6, 1), 8, [ones(1, 2, 2, 1)])
    path = Path(Accelerator(net, [(1, 4)]), 8)
    assert path.early_beats == 24
    assert path.queue is not None
    assert path.queue.depth >= 24
    # Without the last word of 8 bytes, the last row has two pixels, and one window.
    assert Path(path.acc, 64).early_beats == 4 * 5 + 1


def test_a_frame_in_one_word_needs_no_queue():
    net = Network((2, 2, 1), 8, [ones(1, 1, 1, 1)])
    assert Path(Accelerator(net, [(1, 1)]), 32).early_beats == 0


def test_a_narrow_word_gets_room_for_a_frame_of_beats():
    net = Network((64,), 1, [ones(32, 64)])
    path = Path(Accelerator(net, [(16, 64)]), 8)
    assert path.queue is not None
    assert path.queue.depth >= 2


@given(seeds())
@settings(max_examples=60, deadline=None)
def test_the_interval_is_at_least_that_of_accelerator_and_bus(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    path = Path(Accelerator(net, draw_folding(rng, net)), 8 * int(rng.integers(1, 9)))
    words = path.frames_in.words, path.frames_out.words
    assert path.interval >= max(path.acc.cycles_per_image, *words)
    assert path.most_images >= 2


@pytest.mark.parametrize("data_bits", [8, 32, 128])
def test_beats_no_wider_than_a_word_keep_the_interval(data_bits):
    net = Network((5, 5, 1), 8, [ones(4, 3, 3, 1), ones(6, 36)])
    acc = Accelerator(net, [(2, 9), (2, 4)])
    assert Path(acc, data_bits).interval == acc.cycles_per_image
