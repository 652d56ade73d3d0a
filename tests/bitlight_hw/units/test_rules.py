"""StreamRules: offers that stay pass, offers that are withdrawn or change are named."""

import pytest
from amaranth.sim import Simulator

from bitlight_hw.units.rules import StreamRules

# (valid, ready, payload) of one link, cycle by cycle.
KEPT = [
    pytest.param([(1, 1, 3), (0, 0, 1), (1, 1, 2), (1, 1, 5)], id="taken at once"),
    pytest.param([(1, 0, 3), (1, 0, 3), (1, 1, 3), (1, 1, 5)], id="waits"),
    pytest.param([(0, 1, 1), (0, 0, 2), (0, 1, 3)], id="nothing offered"),
]
BROKEN = [
    pytest.param([(1, 0, 3), (0, 0, 3)], id="withdrawn"),
    pytest.param([(1, 0, 3), (0, 1, 3)], id="withdrawn when it would be taken"),
    pytest.param([(1, 0, 3), (1, 0, 3), (1, 1, 2)], id="changed after some time"),
    pytest.param([(1, 0, 3), (1, 1, 1)], id="changed when it is taken"),
]


def step(cycles):
    """Play the cycles on the second of three links; gives what waited and what moved in each."""
    rules = StreamRules({"a": 1, "b": 3, "c": 90})
    seen = []

    async def bench(ctx):
        for valid, ready, payload in cycles:
            ctx.set(rules.valid, valid << 1)
            ctx.set(rules.ready, ready << 1)
            ctx.set(rules.payload(1), payload)
            await ctx.tick()
            seen.append((ctx.get(rules.waiting), ctx.get(rules.moved)))

    simulator = Simulator(rules)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize("cycles", KEPT)
def test_offers_that_stay(cycles):
    for (valid, ready, _), found in zip(cycles, step(cycles), strict=True):
        assert found == (2 * (valid and not ready), 2 * (valid and ready))


@pytest.mark.parametrize("cycles", BROKEN)
def test_a_broken_rule_names_the_link(cycles):
    with pytest.raises(AssertionError, match="stream rule broken on b: a beat that waited was"):
        step([*cycles, (0, 0, 0), (0, 0, 0)])  # it is said two cycles later
