"""Projector: intensities of generated vectors against the model, bit for bit and to the cycle."""

import numpy as np
import pytest
from streams import PAUSES, beats, check

from bitlight.optics.twin import project
from bitlight_hw.optics import Projector

# n_in, n_components, lanes, components, shift, seed
CASES = [
    (64, 6, 32, 2, 3, 1),
    (70, 4, 32, 1, 0, 2),
    (96, 6, 8, 6, 2, 3),
    (33, 8, 16, 8, 4, 4),
    (5, 3, 1, 3, 0, 5),
    (1, 1, 32, 1, 0, 6),
    (20, 12, 32, 4, 1, 7),
    (300, 4, 32, 4, 5, 8),
]


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_gives_intensities(case, pauses):
    n_in, n_components, lanes, components, shift, seed = case
    unit = Projector(
        n_in, n_components, seed=seed, shift=shift, lanes=lanes, components=components
    )
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (4, n_in), dtype=np.uint8)
    x[0], x[1] = 0, 1
    padded = np.pad(x, [(0, 0), (0, -n_in % lanes)])
    turns = n_components // components
    sent = [turns * beats(row, lanes, 1) for row in padded]
    expected = [beats(row, unit.side, 8) for row in project(x, seed, n_components, shift)]
    check(unit, sent, expected, pauses)
