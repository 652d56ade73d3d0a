import pytest
import torch
from torch import nn

from bitlight import freeze
from bitlight.network.summary import Macs, Parameters, summarize
from bitlight.nn import BinaryConv2d, BinaryLinear, Scale, Sign, float_twin, sign, summary

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)


def module():
    return nn.Sequential(
        nn.Sequential(BinaryConv2d(1, 4, 3, padding=1, pad_value=3, input_bits=8)),
        nn.BatchNorm2d(4),
        Sign(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        BinaryLinear(64, 5),
        Scale(0.5),
    )


def test_rows_of_a_module():
    rows = summary(module(), (8, 8, 1)).rows
    assert [(row.name, row.type, row.output_shape) for row in rows] == [
        ("0.0", "BinaryConv2d", (4, 8, 8)),
        ("1", "BatchNorm2d", (4, 8, 8)),
        ("2", "Sign", (4, 8, 8)),
        ("3", "MaxPool2d", (4, 4, 4)),
        ("4", "Flatten", (64,)),
        ("5", "BinaryLinear", (5,)),
        ("6", "Scale", (5,)),
    ]
    assert [row.parameters for row in rows[:2]] == [(Parameters(1, 36),), (Parameters(32, 16),)]
    assert rows[0].macs == Macs(1, 8, 64 * 4 * 9)
    assert rows[5].macs == Macs(1, 1, 320)
    assert {row.macs for row in rows[1:5]} == {None}


def test_products_and_bits_of_a_module_are_those_of_its_network():
    own = summary(module(), (8, 8, 1))
    frozen = summary(freeze(module(), (8, 8, 1), input_bits=8))
    assert own.macs == frozen.macs
    assert own.parameters[0] == frozen.parameters[0] == Parameters(1, 356)


def test_a_network_comes_as_it_is():
    net = freeze(module(), (8, 8, 1), input_bits=8)
    assert summary(net) == summarize(net)


def test_a_float_twin_has_as_many_products_of_floats():
    own, twin = summary(module(), (8, 8, 1)), summary(float_twin(module()), (8, 8, 1))
    assert twin.macs == (Macs(32, 32, sum(macs.count for macs in own.macs)),)
    # The last layer of the twin has a bias.
    assert twin.parameters == (Parameters(32, 36 + 16 + 320 + 5),)
    assert twin.ratio == 1


def test_groups_and_dtypes():
    figures = summary(nn.Sequential(nn.Conv2d(4, 6, 3, groups=2).half()), (5, 5, 4))
    assert figures.macs == (Macs(16, 16, 9 * 6 * 2 * 9),)
    assert figures.parameters == (Parameters(16, 6 * 2 * 9 + 6),)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = BinaryLinear(6, 6)
        self.gain = nn.Parameter(torch.ones(6))

    def forward(self, x):
        return self.gain * self.layer(sign(self.layer(x) + x))


def test_branches_and_layers_that_are_called_twice():
    figures = summary(Branches(), (6,))
    assert [(row.name, row.type) for row in figures.rows] == [
        ("layer", "BinaryLinear"),
        ("layer", "BinaryLinear"),
        ("", "Branches"),
    ]
    assert figures.parameters == (Parameters(1, 36), Parameters(32, 6))
    assert figures.macs == (Macs(1, 1, 72),)


def test_the_module_is_left_as_it_was():
    counted = module().train()
    statistics = counted[1].running_mean.clone()
    summary(counted, (8, 8, 1))
    assert all(part.training for part in counted.modules())
    assert not any(part._forward_hooks for part in counted.modules())
    assert torch.equal(counted[1].running_mean, statistics)


def test_hooks_are_gone_after_an_error():
    counted = module()
    with pytest.raises(RuntimeError):
        summary(counted, (8, 8, 2))
    assert not any(part._forward_hooks for part in counted.modules())


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (lambda: summary(module()), r"input_shape must be \(H, W, C\) or \(n,\), not None"),
        (lambda: summary(module(), (8, 8)), r"not \(8, 8\)"),
        (
            lambda: summary(nn.Sequential(nn.ConvTranspose2d(1, 1, 2)), (8, 8, 1)),
            r"0 \(ConvTranspose2d\): its products are unknown",
        ),
        (
            lambda: summary(freeze(module(), (8, 8, 1), input_bits=8), (8, 8, 1)),
            r"a Network has its own input_shape \(8, 8, 1\)",
        ),
    ],
)
def test_refuses(count, message):
    with pytest.raises(ValueError, match=message):
        count()
