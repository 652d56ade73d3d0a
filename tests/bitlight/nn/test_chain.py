import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bitlight import FreezingError
from bitlight.nn import BinaryConv2d, BinaryLinear, Scale, Sign, sign
from bitlight.nn.chain import chain

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)


class Block(nn.Module):
    def __init__(self, inputs, outputs, **parameters):
        super().__init__()
        self.layers = nn.ModuleList(
            [BinaryConv2d(inputs, outputs, 3, **parameters), nn.BatchNorm2d(outputs)]
        )

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return sign(x, "approx-sign")


class Written(nn.Module):
    """Every way to write a layer that has one."""

    def __init__(self):
        super().__init__()
        self.first = Block(1, 4, input_bits=8)
        self.rest = nn.Sequential(Block(4, 6), nn.MaxPool2d(2))
        self.linear = BinaryLinear(6, 5)
        self.scale = Scale(0.5)

    def forward(self, x, head=True, other=None):
        x = F.max_pool2d(self.first(x), 2, stride=1)
        x = self.rest(F.dropout(x, 0.3, training=self.training))
        if other is not None:
            x = x + other
        x = x.contiguous().flatten(start_dim=1)
        return self.scale(self.linear(x)) if head else x


def test_every_way_to_write_a_layer():
    leaves = chain(Written().train())
    assert [type(leaf.module) for leaf in leaves] == [
        BinaryConv2d,
        nn.BatchNorm2d,
        Sign,
        nn.MaxPool2d,
        nn.Dropout,
        BinaryConv2d,
        nn.BatchNorm2d,
        Sign,
        nn.MaxPool2d,
        nn.Flatten,
        BinaryLinear,
        Scale,
    ]
    assert [leaf.path for leaf in leaves][:2] == ["first.layers.0", "first.layers.1"]
    assert re.fullmatch(r"sign\(\) in first at test_chain\.py:\d+", leaves[2].path)
    assert re.fullmatch(r"max_pool2d\(\) at test_chain\.py:\d+", leaves[3].path)
    assert (leaves[3].module.kernel_size, leaves[3].module.stride) == (2, 1)
    assert leaves[2].module.estimator == "approx-sign"
    assert [leaf.is_idle for leaf in leaves].index(True) == 4


def test_the_chain_computes_what_the_module_computes():
    torch.manual_seed(0)
    module = Written().eval()
    x = torch.randint(0, 256, (3, 1, 8, 8)).float()
    value = x
    for leaf in chain(module):
        value = leaf.module(value)
    assert torch.equal(value, module(x))


def test_modes_are_left_as_they_were():
    module = Written().train()
    module.rest.eval()
    before = {name: part.training for name, part in module.named_modules()}
    chain(module)
    assert {name: part.training for name, part in module.named_modules()} == before


def test_a_layer_may_be_called_twice():
    shared = nn.Sequential(BinaryLinear(4, 4), nn.BatchNorm1d(4), Sign())
    leaves = chain(nn.Sequential(shared, shared))
    assert [leaf.module for leaf in leaves] == [*shared, *shared]


class Function(nn.Module):
    """One function as `forward`."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.one = BinaryLinear(4, 4)
        self.two = BinaryLinear(4, 4)

    def forward(self, x):
        return self.function(self, x)


@pytest.mark.parametrize(
    ("flatten", "features"),
    [
        (lambda _, x: torch.flatten(x, 1), None),
        (lambda _, x: torch.flatten(x, start_dim=1, end_dim=-1), None),
        (lambda _, x: x.view(x.size(0), -1), None),
        (lambda _, x: x.view(x.size(dim=0), -1), None),
        (lambda _, x: x.reshape(x.shape[0], -1), None),
        (lambda _, x: x.reshape((x.size()[0], 12)), 12),
        (lambda _, x: torch.reshape(x, (-1, 12)), 12),
        (lambda _, x: x.view(-1, 12), 12),
    ],
)
def test_ways_to_flatten(flatten, features):
    (leaf,) = chain(Function(flatten))
    assert (type(leaf.module), leaf.module.start_dim, leaf.module.end_dim) == (nn.Flatten, 1, -1)
    assert leaf.features == features
    x = torch.randn(5, 3, 2, 2)
    assert torch.equal(leaf.module(x), flatten(None, x))


def test_max_pool_takes_its_arguments_in_the_order_of_the_function():
    (leaf,) = chain(Function(lambda _, x: F.max_pool2d(x, 3, 2, 1, 1, True)))
    x = torch.randn(1, 1, 8, 8)
    assert torch.equal(leaf.module(x), F.max_pool2d(x, 3, 2, 1, 1, True))
    assert not leaf.module.return_indices


def residual(m, x):
    x = m.one(x)
    return m.two(x) + x


def concatenation(m, x):
    return torch.cat([m.one(x), m.two(x)], 1)


def unused(m, x):
    x = m.one(x)
    m.two(x)
    return x


def in_place(m, x):
    x = m.one(x)
    x.relu_()
    return m.two(x)


def control_flow(m, x):
    return m.one(x) if x.sum() > 0 else m.two(x)


def length(m, x):
    return m.one(x.view(len(x), -1))


class TwoInputs(nn.Module):
    def forward(self, x, y):
        return x + y


CHAIN = "only a chain can be frozen, each layer taking the value of the one before"
REFUSALS = {
    "residual": (residual, r"add\(\) .* takes the value of one and two, where that of two is due"),
    "concatenation": (concatenation, f"two takes the value of the input.* of one is due: {CHAIN}"),
    "a cosine": (lambda m, x: torch.cos(m.one(x)), r"cos\(\) at .*: no binary network can compute"),
    "doubled": (lambda m, x: m.two(m.one(x) + x), r"add\(\) at .* takes the value of one and the"),
    "unused": (unused, "the output takes the value of one, where that of two is due"),
    "in place": (in_place, r"two takes the value of one, where that of relu_\(\) .* is due|relu_"),
    "two outputs": (lambda m, x: (x, m.one(x)), "the output takes the value of one and the input"),
    "a dictionary": (lambda m, x: {"x": m.one(x)}, "the output must be one tensor"),
    "a constant": (lambda m, x: torch.ones(3), "forward uses _tensor_constant0 itself"),
    "a weight": (lambda m, x: F.linear(x, m.one.weight), "forward uses one.weight itself"),
    "control flow": (control_flow, r"test_chain.py:\d+: which layers are called must not depend"),
    "len": (length, r"test_chain.py:\d+: the calls cannot be traced: 'len' is not supported"),
    "half": (lambda m, x: m.one(x).half(), r"half\(\) at .*: no binary network can compute"),
    "doubles": (lambda m, x: m.one(x).to(torch.float64), r"to\(\) .*, not torch.float64"),
    "rounding": (lambda m, x: torch.div(m.one(x), 2, rounding_mode="floor"), r"div\(\) .* rounds"),
    "torch's sign": (lambda m, x: m.one(x).sign(), r"sign\(\) at .*: is 0 at 0; use bitlight.nn"),
    "dropout": (lambda m, x: F.dropout(x), r"dropout\(\) at .*: drops values in eval mode too"),
    "bad estimator": (lambda m, x: sign(x, "tanh"), r"sign\(\) at .*: estimator must be one of"),
    "a part of a flatten": (
        lambda m, x: x.view(x.size(0), x.size(1), -1),
        r"view\(\) at .*: must flatten all but the batch, as x.flatten\(1\) does",
    ),
    "rows of another size": (lambda m, x: x.view(x.size(1), -1), "must flatten all but the batch"),
    "arithmetic with shapes": (
        lambda m, x: x.view(-1, x.size(1) * x.size(2)),
        r"mul\(\) at .* takes the value of no layer",
    ),
    "an index": (lambda m, x: m.one(x[0]), r"getitem\(\) at .*: no binary network can compute"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refuses(name):
    function, message = REFUSALS[name]
    with pytest.raises(FreezingError, match=message):
        chain(Function(function))


def test_refuses_two_inputs():
    with pytest.raises(FreezingError, match="forward takes another input, y: only a chain"):
        chain(TwoInputs())


def test_refuses_a_layer_that_is_no_part_of_the_module():
    outside = BinaryLinear(4, 4)
    with pytest.raises(FreezingError, match="not installed as a submodule"):
        chain(Function(lambda _, x: outside(x)))
