"""Networks that have few foldings, and all of these."""

import itertools

import numpy as np
from networks import draw_network

from bitlight_hw.folding import choices, folded_layers


def foldings(net):
    """All of them."""
    return [list(f) for f in itertools.product(*(choices(net, i) for i in folded_layers(net)))]


def small(seed, most):
    """A network of at least four foldings, and no more than so many."""
    rng = np.random.default_rng(seed)
    while not 4 <= len(foldings(net := draw_network(rng, depth=3))) <= most:
        pass
    return net
