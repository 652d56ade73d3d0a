"""A first layer of 8 bits must have been trained on 8 bits: found with a sample, and without."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from bitlight import FreezingError, freeze
from bitlight.nn import BinaryConv2d, BinaryLinear, Sign

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def digits():
    """Images (N, 1, 8, 8) of 0 … 255, as floats."""
    return torch.from_numpy(load_digits().images[:600]).float().unsqueeze(1) * 255 // 16


def conv_net():
    return nn.Sequential(
        BinaryConv2d(1, 8, 3, padding=1, pad_value=0, input_bits=8),
        nn.BatchNorm2d(8),
        Sign(),
        nn.MaxPool2d(4),
        nn.Flatten(),
        BinaryLinear(32, 10),
    )


def flat_net():
    return nn.Sequential(
        nn.Flatten(),
        BinaryLinear(64, 16, input_bits=8),
        nn.BatchNorm1d(16),
        Sign(),
        BinaryLinear(16, 10),
    )


def trained(build, x, seed=0):
    torch.manual_seed(seed)
    module = build().train()
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    for _ in range(60):
        rows = torch.randint(len(x), (64,))
        labels = torch.from_numpy(load_digits().target)[rows]
        loss = nn.functional.cross_entropy(0.1 * module(x[rows]), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module


FLOATS = {
    "0 to 1": lambda x: x / 255,
    "-1 to 1": lambda x: x / 127.5 - 1,
    "standardised": lambda x: (x / 255 - 0.1307) / 0.3081,
}


@pytest.mark.parametrize("build", [conv_net, flat_net])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dark", [1, 4, 16])
def test_pixels_are_taken(digits, build, seed, dark):
    x = digits // dark
    module = trained(build, x, seed)
    net = freeze(module, (8, 8, 1), 8)
    assert freeze(module, (8, 8, 1), 8, sample=x[:100]).id == net.id


@pytest.mark.parametrize("build", [conv_net, flat_net])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("change", FLOATS.values(), ids=FLOATS)
def test_floats_are_found(digits, build, seed, change):
    x = change(digits)
    module = trained(build, x, seed)
    with pytest.raises(FreezingError, match="was trained on floats such as 0…1; train on pixels"):
        freeze(module, (8, 8, 1), 8)
    with pytest.raises(FreezingError, match=r"sample has .* but the module takes the integers 0 t"):
        freeze(module, (8, 8, 1), 8, sample=x[:100])
    with pytest.raises(FreezingError, match="times the variance of its sums on the sample"):
        freeze(module, (8, 8, 1), 8, sample=digits[:100])


def test_a_module_that_multiplies_its_floats_is_taken(digits):
    class Floats(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = conv_net()

        def forward(self, x):
            return self.layers(x * 255)

    x = digits / 255
    module = trained(Floats, x)
    net = freeze(module, (8, 8, 1), 8, sample=x[:100])
    images = digits[:100].permute(0, 2, 3, 1).to(torch.uint8).numpy()
    assert np.array_equal(net.forward(images), module.eval()(x[:100]).detach().numpy())
    with pytest.raises(FreezingError, match="the integers 0 to 255 divided by 255"):
        freeze(module, (8, 8, 1), 8, sample=digits[:100])


def test_four_bits_with_a_sample(digits):
    x = digits // 17
    module = nn.Sequential(nn.Flatten(), BinaryLinear(64, 16, 4), nn.BatchNorm1d(16), Sign())
    with torch.no_grad():
        for _ in range(60):
            module.train()(x / 15)
    freeze(module, (8, 8, 1), 4)  # nothing tells
    with pytest.raises(FreezingError, match="times the variance of its sums on the sample"):
        freeze(module, (8, 8, 1), 4, sample=x)


def test_a_module_that_was_never_trained_is_taken(digits):
    freeze(conv_net(), (8, 8, 1), 8, sample=digits[:50])


def test_bits_have_their_own_form():
    module = nn.Sequential(BinaryLinear(20, 6), nn.BatchNorm1d(6), Sign())
    bits = torch.randint(0, 2, (50, 20)).float()
    freeze(module, (20,), 1, sample=2 * bits - 1)
    with pytest.raises(FreezingError, match="sample has 0 and goes from 0 to 1, but .* takes ±1"):
        freeze(module, (20,), 1, sample=bits)


@pytest.mark.parametrize("sample", [torch.zeros(0, 1, 8, 8), np.zeros((5, 8, 8, 1))])
def test_a_sample_of_another_shape_is_refused(sample):
    with pytest.raises(FreezingError, match=r"sample must have the shape \(N, 1, 8, 8\), not"):
        freeze(conv_net(), (8, 8, 1), 8, sample=sample)


def test_a_sample_of_zeros_and_ones_is_refused(digits):
    with pytest.raises(FreezingError, match="sample has no value above 1"):
        freeze(conv_net(), (8, 8, 1), 8, sample=(digits > 99).float())
