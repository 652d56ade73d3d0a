"""Engines take turns, and a measurement apart brings its result or says how it ended."""

import pytest

from bitlight import BitlightError
from bitlight_lab.benchmarks import harness


def test_engines_take_turns(monkeypatch):
    monkeypatch.setattr(harness, "REST", 0.0)
    calls, said = [], []
    engines = {name: lambda name=name: calls.append(name) or len(calls) for name in "ab"}
    found = harness.take_turns(engines, 2, said.append, warm=True)
    assert calls == list("ababab")
    assert found == {"a": [3, 5], "b": [4, 6]}
    assert said[:4] == ["warming up: a", "warming up: b", "round 1 of 2: a", "round 1 of 2: b"]


def test_a_process_that_ends_early_is_named():
    with pytest.raises(BitlightError, match="ended with code 3"):
        harness.run_apart(exit, 3)


def test_memory_apart_is_not_that_of_this_process():
    held = bytearray(300_000_000)
    assert harness.run_apart(harness.peak_bytes) < len(held)
