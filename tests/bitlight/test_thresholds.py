import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from norms import spread
from torch import nn

from bitlight import freeze
from bitlight.freezing.verify import layer_outputs
from bitlight.network.bisection import find_thresholds
from bitlight.nn import BinaryConv2d, BinaryLinear, Sign


@torch.no_grad()
def thresholds(norm, reach):
    """Of sign(norm(a)), by the calls that torch makes in eval mode."""
    shape = (1, -1, 1, 1) if isinstance(norm, nn.BatchNorm2d) else (1, -1)
    norm.eval()

    def bits(sums):
        return (norm(torch.from_numpy(sums).float().reshape(shape)) >= 0).flatten().numpy()

    return find_thresholds(bits, reach, norm.num_features)


# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)


@pytest.mark.parametrize("channels", [1, 16, 37])
@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d])
@pytest.mark.parametrize("reach", [1, 6, 255])
def test_thresholds_hold_for_every_sum_in_every_layout(channels, kind, reach):
    norm = kind(channels).eval()
    spread(norm, torch.Generator().manual_seed(reach), reach)
    threshold, flipped = thresholds(norm, reach)
    sums = np.arange(-reach, reach + 1, 2)
    expected = np.where(flipped, -sums[:, None], sums[:, None]) >= threshold
    a = torch.tensor(sums)[:, None].expand(-1, channels).float().contiguous()
    if kind is nn.BatchNorm2d:
        a = a[:, :, None, None].expand(-1, -1, 3, 5).contiguous()
        last = norm(a.contiguous(memory_format=torch.channels_last)).detach()
        assert np.array_equal(last.amin((2, 3)) >= 0, expected)
        assert np.array_equal(last.amax((2, 3)) >= 0, expected)
        a = norm(a).detach().amin((2, 3))
    else:
        a = norm(a).detach()
    assert np.array_equal(a >= 0, expected)


def test_thresholds_of_special_gains():
    norm = nn.BatchNorm1d(6, eps=0.0)
    norm.weight.data = torch.tensor([1.0, -1.0, 0.0, 0.0, 0.0, 1.0])
    norm.bias.data = torch.tensor([0.0, 0.0, 0.0, 1.0, -1.0, -100.0])
    norm.running_mean = torch.tensor([3.0, 3.0, 0.0, 0.0, 0.0, 0.0])
    threshold, flipped = thresholds(norm, 9)
    assert threshold.tolist() == [3, -3, -9, -9, 11, 11]
    assert flipped.tolist() == [False, True, False, False, False, False]
    assert threshold.dtype == np.int32


TINY, SUBNORMAL, HUGE = 1.1754943508222875e-38, 1.401298464324817e-45, 1e30
FANIN = 9


def signed(*magnitudes):
    return [sign * value for value in magnitudes for sign in (1, -1)]


def channels(reach):
    """Gain, bias, mean and variance of one channel; many have a tie at one of the sums."""
    sums = st.integers(-reach, reach).map(float)
    gains = st.sampled_from(signed(0.0, SUBNORMAL, TINY, HUGE, 1.0, 0.5, 1e-6))
    usual = st.floats(-4, 4, width=32)
    variances = st.sampled_from([0.0, SUBNORMAL, TINY, 1.0, 4.0, 1e30])
    free = st.tuples(
        gains | usual,
        st.sampled_from(signed(0.0, SUBNORMAL, TINY, 1.0, HUGE)) | usual,
        sums | usual,
        variances | st.floats(0, 100, width=32),
    )
    # γ(a − μ)/√σ² + β = 0 where a = μ + k: products of small numbers, which floats represent.
    tied = st.tuples(st.sampled_from(signed(1.0, 0.5, 2.0)), sums, st.integers(-4, 4)).map(
        lambda drawn: (drawn[0], -drawn[0] * drawn[2], drawn[1], 1.0)
    )
    return st.lists(free | tied, min_size=1, max_size=9)


def norm_of(kind, drawn, eps):
    norm = kind(len(drawn), eps=eps)
    gain, bias, mean, variance = torch.tensor(drawn).T
    norm.weight.data, norm.bias.data = gain.clone(), bias.clone()
    # With eps = 0 ties are exact, but a variance of almost 0 would make the factor infinite.
    variance = variance if eps else variance.clamp(min=1)
    norm.running_mean, norm.running_var = mean.clone(), variance.clone()
    return norm


def latent(*shape):
    """Rows of +1 and rows of −1, so that so many inputs of +1 give every sum there is."""
    rows = torch.arange(shape[0]) % 2 * 2.0 - 1
    return rows.reshape(-1, *[1] * (len(shape) - 1)).expand(shape).clone()


def every_sum(position, drawn, eps):
    """A layer in one of the four positions, and images in which each of its sums occurs."""
    outputs = len(drawn)
    counts = np.arange(FANIN + 1)
    bits = (np.arange(FANIN) < counts[:, None]).astype(np.uint8)
    pixels = np.arange(256, dtype=np.uint8)
    if position == "image convolution":
        layer, images = BinaryConv2d(1, outputs, 1, input_bits=8), pixels.reshape(1, 16, 16, 1)
    elif position == "convolution":
        layer, images = BinaryConv2d(FANIN, outputs, 1, input_bits=1), bits.reshape(2, 5, 1, FANIN)
    elif position == "image linear":
        layer, images = BinaryLinear(1, outputs, input_bits=8), pixels.reshape(256, 1)
    else:
        layer, images = BinaryLinear(FANIN, outputs, input_bits=1), bits
    layer.weight.data = latent(*layer.weight.shape)
    kind = nn.BatchNorm1d if isinstance(layer, BinaryLinear) else nn.BatchNorm2d
    return nn.Sequential(layer, norm_of(kind, drawn, eps), Sign()), images


POSITIONS = {
    "image convolution": 255,
    "convolution": FANIN,
    "image linear": 255,
    "linear": FANIN,
}


@pytest.mark.parametrize("position", POSITIONS)
@settings(max_examples=100, deadline=None)
@given(data=st.data(), eps=st.sampled_from([0.0, 1e-5, 1e-3]), channels_last=st.booleans())
def test_every_sum_in_every_position(position, data, eps, channels_last):
    module, images = every_sum(position, data.draw(channels(POSITIONS[position])), eps)
    x = torch.tensor(images).float()
    if x.ndim == 4:
        memory = torch.channels_last if channels_last else torch.contiguous_format
        x = x.permute(0, 3, 1, 2).contiguous(memory_format=memory)
        module.to(memory_format=memory)
    bits = images.shape[-1] == FANIN
    net = freeze(module, images.shape[1:], input_bits=1 if bits else 8)
    (expected,) = layer_outputs(module, x)
    assert np.array_equal(net.forward(images), expected)


def test_ties_are_drawn():
    """The draws of `channels` are of use only if some sums are exactly at the threshold."""
    norm = norm_of(nn.BatchNorm1d, [(0.5, -1.5, 2.0, 1.0), (-2.0, 0.0, -3.0, 1.0)], eps=0.0)
    at_the_tie = norm.eval()(torch.tensor([[5.0, -3.0]]))
    assert at_the_tie.tolist() == [[0, 0]]
    threshold, flipped = thresholds(norm, 9)
    assert threshold.tolist() == [5, 3]
    assert flipped.tolist() == [False, True]
