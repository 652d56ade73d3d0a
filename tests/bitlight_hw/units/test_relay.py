"""Relay: every beat once and in order, a beat in every cycle, no path from end to end."""

import numpy as np
import pytest
from streams import PAUSES, check

from bitlight_hw.units import Relay


@pytest.mark.parametrize("pauses", PAUSES)
@pytest.mark.parametrize("width", [1, 12])
def test_gives_each_beat_once(width, pauses):
    sent = np.random.default_rng(6).integers(0, 1 << width, (3, 20)).tolist()
    check(Relay(width), sent, sent, pauses)
