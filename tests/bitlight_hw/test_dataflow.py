"""Loop orders: which is taken, and what is refused."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from networks import draw_folding, draw_network, seeds

from bitlight import FoldingError, Linear, Network
from bitlight.zoo.published import FOLDINGS
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw import Accelerator, dataflow


def chain(*widths):
    """Fully connected layers."""
    layers = [
        Linear(np.ones((after, before), bool), np.zeros(after, np.int32))
        for before, after in itertools.pairwise(widths)
    ]
    return Network((widths[0],), 1, layers)


def test_neighbours_alternate():
    """One that finishes output after output feeds one that takes input after input."""
    net = chain(64, 64, 64, 64)
    flows = dataflow.choose(net, [(4, 4)] * 3)
    assert flows[1:] in (["output", "input"], ["input", "output"])
    folding = [(4, 4)] * 3
    chosen, plain = Accelerator(net, folding), Accelerator(net, folding, "output")
    assert chosen.latency < plain.latency - 200
    assert chosen.cycles_per_image == plain.cycles_per_image


def test_cnv():
    accelerator = Accelerator(TOPOLOGIES["cnv"].random(0), FOLDINGS["cnv"])
    assert accelerator.cycles_per_image == 32768
    assert accelerator.latency <= 130_000
    faster = [*FOLDINGS["cnv"][:4], (8, 32), (2, 32), *FOLDINGS["cnv"][6:]]
    accelerator = Accelerator(TOPOLOGIES["cnv"].random(0), faster)
    assert accelerator.cycles_per_image == 32768
    assert accelerator.latency <= 79_000


@given(seeds())
@settings(max_examples=60, deadline=None)
def test_the_choice_is_never_slower(seed):
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    folding = draw_folding(rng, net)
    flows = dataflow.choose(net, folding)
    ample = [dataflow._latency(net, folding, f) for f in (flows, ["output"] * len(folding))]
    assert ample[0] <= ample[1]


@pytest.mark.parametrize("wrong", ["inputs", ["output"], ["output", "both"], 3])
def test_what_is_no_dataflow_is_refused(wrong):
    with pytest.raises(FoldingError, match="dataflow must be"):
        Accelerator(chain(8, 4, 2), dataflow=wrong)
