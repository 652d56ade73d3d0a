"""Batch norm rounds as torch's does, and thresholds are found for any monotonic bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from networks import seeds
from torch import nn

from bitlight.network.bisection import find_thresholds
from bitlight.qonnx.steps import arithmetic, normalisation

torch.set_num_threads(1)


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d])
@pytest.mark.parametrize("epsilon", [1e-5, 1e-4])
def test_batch_norm_is_torch_own_to_the_last_bit(kind, epsilon):
    generator = torch.Generator().manual_seed(0)
    norm = kind(256, eps=epsilon).eval()
    norm.weight.data = torch.randn(256, generator=generator)
    norm.bias.data[::2] = torch.randn(128, generator=generator)
    norm.running_mean = torch.randint(-50, 50, (256,), generator=generator).float()
    norm.running_var = torch.rand(256, generator=generator) * 100
    sums = np.repeat(np.arange(-300, 301, dtype=np.float32)[:, None], 256, 1)
    x = torch.tensor(sums)
    if kind is nn.BatchNorm2d:
        x = x[:, :, None, None].expand(-1, -1, 2, 3).contiguous()
    expected = norm(x).detach().numpy().reshape(len(sums), 256, -1)[:, :, 0]
    gain, bias, mean, variance = (
        tensor.detach().numpy()
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    step = normalisation(gain, bias, mean, variance, float(np.float32(epsilon)))
    assert np.array_equal(step.apply(sums), expected)
    # As ONNX writes it, ties fall otherwise: the sum is the mean, and the result exactly 0.
    written = (sums - mean) / np.sqrt(variance + np.float32(epsilon)) * gain + bias
    assert np.count_nonzero((written >= 0) != (expected >= 0)) > 10


@given(seeds())
@settings(max_examples=50, deadline=None)
def test_thresholds_hold_for_every_sum(seed):
    rng = np.random.default_rng(seed)
    reach = int(rng.integers(1, 300))
    limit, sign = rng.integers(-reach - 5, reach + 6, 20), rng.choice([-1, 1], 20)

    def bits(a):
        assert (np.abs(a) <= reach).all()
        return sign * a >= limit

    threshold, flipped = find_thresholds(bits, reach, 20)
    for a in np.arange(-reach, reach + 1, 2)[:, None].repeat(20, 1):
        assert np.array_equal(np.where(flipped, -a, a) >= threshold, bits(a))


@pytest.mark.parametrize("operation", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("constant", [-2.5, 0, 3])
def test_what_falls_is_known(operation, left, constant):
    step = arithmetic(operation, np.float32([constant]), left)
    if operation == "Div" and (left or constant == 0):
        assert step is None
        return
    given = step.apply(np.linspace(-4, 4, 50, dtype=np.float32))
    assert step.rises == bool((np.diff(given) >= 0).all())
