"""Modules of integers: eval mode is the network's arithmetic, training is that of floats."""

import numpy as np
import pytest
import torch
from support.trained import settle
from torch import nn

from bitlight import nn as bnn
from bitlight.network.golden import plain
from bitlight.network.layers import Affine, PReLU, SumPool2d
from bitlight.network.values import Integers, Value
from bitlight.nn.integers import _Rectify
from bitlight.zoo import modules as zoo

torch.set_num_threads(1)
C = 5


def integers(low, high, shape=(40, C, 3, 3), seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(low, high + 1, shape))


def drawn_norm(seed=0, **kwargs):
    norm = bnn.IntegerBatchNorm2d(C, **kwargs).eval()
    generator = torch.Generator().manual_seed(seed)
    norm.running_mean.normal_(0, 9, generator=generator)
    norm.running_var.uniform_(0.2, 400, generator=generator)
    norm.weight.data.normal_(generator=generator)
    norm.bias.data.normal_(generator=generator)
    return norm


@pytest.mark.parametrize("fraction", [0, 3, 6])
def test_norm_is_the_affine_layer(fraction):
    norm = drawn_norm()
    x = integers(-500, 500)
    g, b, e = norm.folded()
    offset = (b * 2**fraction).long().numpy()
    layer = Affine(g.long().numpy(), offset, e + fraction, norm.low, norm.high)
    value = Value((3, 3, C), Integers(-500, 500))
    expected = plain.scale(layer, value, x.permute(0, 2, 3, 1).numpy())
    found = norm(x.float() * 2.0**-fraction) * 2.0**norm.fraction
    assert np.array_equal(found.permute(0, 2, 3, 1).numpy(), expected)


def test_norm_rounds_what_batch_norm_gives():
    norm = drawn_norm(bits=24, multiplier_bits=20)
    x = integers(-500, 500).float()
    smooth = nn.BatchNorm2d.forward(norm, x)
    assert (norm(x) - smooth).abs().max() <= 2.0 ** -(norm.fraction + 1) * 1.05


def test_norm_of_no_gain_is_its_bias():
    norm = bnn.IntegerBatchNorm2d(1).eval()
    norm.weight.data.zero_()
    norm.bias.data.fill_(0.5)
    assert norm(torch.ones(1, 1, 1, 1)).item() == 0.5


def test_rprelu_is_the_prelu_layer():
    act = bnn.RPReLU(C).eval()
    generator = torch.Generator().manual_seed(1)
    for tensor in (act.before, act.slope, act.after):
        tensor.data.normal_(generator=generator)
    before, slope, after = (part.long().numpy() for part in act.rounded())
    layer = PReLU(slope, act.shift, before, after)
    x = integers(-300, 300)
    value = Value((3, 3, C), Integers(-300, 300))
    expected = plain.rectify(layer, value, x.permute(0, 2, 3, 1).numpy())
    found = act(x.float() / 64) * 64
    assert np.array_equal(found.permute(0, 2, 3, 1).numpy(), expected)


def test_rprelu_has_the_gradients_of_its_parts():
    generator = torch.Generator().manual_seed(2)
    shapes = (3, C, 2, 2), (C,), (C,), (C,)
    given = [torch.randn(s, generator=generator, dtype=torch.double) for s in shapes]
    for tensor in given:
        tensor.requires_grad_()
    assert torch.autograd.gradcheck(_Rectify.apply, given)


@pytest.mark.parametrize(("kernel", "count"), [(2, 4), ((1, 3), 3), ("all", 42)])
def test_sum_pool_is_the_layer_over_a_power_of_two(kernel, count):
    x = integers(-300, 300, (4, C, 6, 7))
    found = bnn.SumPool2d(kernel)(x.float()) * (1 << (count - 1).bit_length())
    value = Value((6, 7, C), Integers(-300, 300))
    expected = plain.add_up(SumPool2d(kernel), value, x.permute(0, 2, 3, 1).numpy())
    assert np.array_equal(found.permute(0, 2, 3, 1).numpy(), expected)


@pytest.mark.parametrize("top", [1, 2, 3, 15])
def test_levels_are_sums_of_signs(top):
    x = torch.arange(-2.0 * top - 2, 2 * top + 2, 0.25)
    edges = torch.arange(1 - top, top, 2)
    expected = sum(bnn.sign(x - edge) for edge in edges)
    assert torch.equal(bnn.Levels(top)(x), expected)


def test_levels_let_gradients_through_between_their_ends():
    x = torch.tensor([-4.5, -4.0, 0.0, 3.0, 4.5], requires_grad=True)
    bnn.Levels(3)(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("bits", [2, 4])
def test_weights_of_several_bits_are_planes(bits):
    layer = bnn.BinaryConv2d(3, 4, 3, weight_bits=bits).eval()
    seen = layer.weights()
    top = (1 << bits) - 1
    assert set(seen.unique().tolist()) == set(range(-top, top + 1, 2))
    x = bnn.sign(torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(3)))
    index = ((seen + top) / 2).long()
    planes = [torch.where(index >> k & 1 > 0, 1.0, -1.0) for k in range(bits)]
    sums = sum(2**k * torch.nn.functional.conv2d(x, plane) for k, plane in enumerate(planes))
    assert torch.equal(layer(x), sums)


def test_fine_tuning_computes_what_eval_mode_does():
    module = zoo.resnet20(width=4, blocks=1)
    x = torch.randint(0, 256, (8, 3, 32, 32), generator=torch.Generator().manual_seed(4)).float()
    settle(module, x)
    body = nn.Sequential(module.stem, module.stages)
    expected = body.eval()(x)
    body.train()
    assert not torch.equal(body(x), expected)
    settle(module, x)
    expected = body.eval()(x)
    bnn.fine_tune(module)
    body.train()
    found = body(x)
    assert torch.equal(found, expected)
    found.square().mean().backward()
    assert module.stem[0].weight.grad.abs().sum() > 0
    assert torch.equal(body.eval()(x), expected)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: bnn.Levels(0), "top must be 1 to 255, not 0"),
        (lambda: bnn.Add(bits=1), "bits must be 2 to 24, not 1"),
        (lambda: bnn.RPReLU(3, fraction=-1), "fraction must be 0 to 24, not -1"),
        (lambda: bnn.RPReLU(3, shift=99), "shift must be 0 to 24, not 99"),
        (
            lambda: bnn.IntegerBatchNorm2d(3, multiplier_bits=1),
            "multiplier_bits must be 2 to 24, not 1",
        ),
        (lambda: bnn.SumPool2d("all", 2), "a pool over all of the image has no stride"),
        (lambda: bnn.BinaryLinear(3, 4, weight_bits=9), "weight_bits must be 1 to 8, not 9"),
        (lambda: bnn.BinaryConv2d(3, 4, 3, levels=0), "levels must be 1 to 255, not 0"),
    ],
)
def test_refuses(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("build", [zoo.resnet20, zoo.resnet18])
def test_float_twin_has_the_same_shape(build):
    module = build(classes=7, width=2)
    twin = bnn.float_twin(module)
    kinds = {type(part).__name__ for part in twin.modules()}
    assert not kinds & {"BinaryConv2d", "BinaryLinear", "RSign", "RPReLU", "IntegerBatchNorm2d"}
    side = 32 if build is zoo.resnet20 else 64
    x = torch.full((2, 3, side, side), 200.0)
    assert twin(x).shape == module(x).shape == (2, 7)
    convolutions = [part for part in module.modules() if isinstance(part, bnn.BinaryConv2d)]
    twins = [part for part in twin.modules() if isinstance(part, nn.Conv2d)]
    assert [part.weight.shape for part in twins] == [part.weight.shape for part in convolutions]


def test_summary_counts_bits_of_weights():
    found = bnn.summary(zoo.resnet20(), (32, 32, 3))
    bits = {p.bits: 0 for row in found.rows for p in row.parameters}
    for row in found.rows:
        for part in row.parameters:
            bits[part.bits] += part.count
    assert bits[1] == 9 * 32 * 32 * (6 + 2 + 5 * 4 + 8 + 5 * 16)
    assert bits[2] == 27 * 32
    assert bits[4] == 128 * 10
