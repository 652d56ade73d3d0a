import numpy as np
import pytest

from bitlight.heads.calibration import best_temperature, log_probabilities


def draw(temperature, classes, n=20000):
    """Scores, and labels drawn from the probabilities at that temperature."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 3, (n, classes)) if classes > 2 else rng.normal(0, 3, n)
    chances = np.exp(log_probabilities(scores, temperature))
    return scores, (rng.random((n, 1)) > chances.cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_finds_the_temperature_of_the_labels(temperature, classes, unit):
    if temperature == 20 and classes == 2:
        pytest.skip("scores hardly matter there")
    scores, labels = draw(temperature, classes)
    assert best_temperature(unit * scores, labels) == pytest.approx(unit * temperature, rel=0.1)


def test_probabilities_of_two_classes():
    logs = log_probabilities(np.array([0.0, 2.0]), 2.0)
    assert np.allclose(np.exp(logs), [[0.5, 0.5], [1 / (1 + np.e), np.e / (1 + np.e)]])


def test_scores_that_are_always_right_stay_within_bounds():
    assert 0 < best_temperature(np.array([1.0, -1.0]), np.array([1, 0])) < 0.1
    assert np.isfinite(best_temperature(np.zeros(3), np.array([1, 0, 1])))
