"""Figures of the speed measurements add up, and features are made as fast as they must be."""

import time

import numpy as np
import pytest

from bitlight import OpticalFeatures, bits
from bitlight.optics.media import Structured
from bitlight_lab.benchmarks import optics as speed


@pytest.mark.parametrize("engine", ["structured", "binary", "numpy", "torch", "rbf sampler"])
def test_figures(monkeypatch, engine):
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    row = speed.measure_one(engine, 33, 50, 1, 2)
    assert row["measured_components"] == row["n_components"] == 50
    assert len(row["seconds_per_frame"]) == 2
    macs = 33 * 50 * (1 if engine == "rbf sampler" else 2)
    assert row["gmacs_per_s"] == pytest.approx(row["frames_per_s"] * macs / 1e9)
    assert row["peak_bytes"] > 1e7


def test_a_part_stands_for_all(monkeypatch):
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    monkeypatch.setattr(speed, "available", lambda: 1000)
    row = speed.measure_one("numpy", 40, 2048, 1, 1)
    assert row["measured_components"] == 1024
    assert row["n_components"] == 2048


@pytest.mark.slow
def test_features_cost_hardly_more_than_the_bare_projection():
    n, m = 81_536, 40_768
    packed = np.random.default_rng(0).integers(0, 256, (128, n // 8), dtype=np.uint8)
    optics = OpticalFeatures(m, "structured", packed=True, n_features=n).fit(packed)
    words = bits.pack_words(bits.unpack(packed, n))
    medium = Structured(n, 0)
    ours, bare = [], []
    for _ in range(6):
        for times, run in (
            (bare, lambda: medium.intensities(words, 0, m)),
            (ours, lambda: optics.transform(packed)),
        ):
            started = time.perf_counter()
            run()
            times.append(time.perf_counter() - started)
    assert min(ours) < 1.3 * min(bare)


@pytest.mark.slow
def test_a_million_features_to_two_million_components():
    row = speed.measure_one("structured", 1_000_000, 2_000_000, 2, 1)
    assert row["peak_bytes"] < 4e9
