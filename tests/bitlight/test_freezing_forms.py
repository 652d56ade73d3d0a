"""What people write between and around binary layers: what is frozen is torch's, bit for bit."""

import warnings

import numpy as np
import pytest
import torch
from norms import spread
from torch import nn
from torch.nn import functional as F

from bitlight import FreezingError, freeze
from bitlight.freezing.verify import count_differences
from bitlight.nn import BinaryConv2d, BinaryLinear, Scale, Sign, sign
from bitlight.nn.layers import Binary

torch.set_num_threads(1)
SHAPE, BITS, IMAGES = (8, 7, 2), 4, 500


class Written(nn.Module):
    """A network of three binary layers; a subclass says what stands between sums and sign."""

    def __init__(self, seed):
        super().__init__()
        self.one = BinaryConv2d(2, 9, 3, padding=1, pad_value=3, input_bits=BITS)
        self.two = BinaryConv2d(9, 10, 2)
        self.head = BinaryLinear(10 * 3 * 2, 5)
        self.norm = nn.BatchNorm2d(9)
        self.more = nn.BatchNorm2d(10)
        generator = torch.Generator().manual_seed(seed)
        for layer in (self.one, self.two, self.head):
            layer.weight.data = torch.randn(layer.weight.shape, generator=generator)
        spread(self.norm, generator, 18 * 15)
        spread(self.more, generator, 36)
        draw = {"generator": generator}
        self.register_buffer("shift", torch.randn((9, 1, 1), **draw) * 20)
        self.register_buffer("factor", torch.randn((1, 9, 1, 1), **draw))
        self.slopes = nn.Parameter(torch.rand(9, **draw))
        self.prelu = nn.PReLU(9)
        self.prelu.weight.data = torch.rand(9, **draw)

    def middle(self, x):
        return F.max_pool2d(sign(self.norm(x)), 2)

    def last(self, x):
        return self.head(x)

    def forward(self, x):
        x = self.middle(self.one(x))
        return self.last(sign(self.more(self.two(x))).flatten(1))


def form(function):
    return type(function.__name__, (Written,), {"middle": function})


@form
def pool_between(self, x):
    return sign(self.norm(F.max_pool2d(x, 2)))


@form
def norm_pool_sign(self, x):
    return sign(F.max_pool2d(self.norm(x), 2))


@form
def norm_pool_norm(self, x):
    x = F.max_pool2d(self.norm(x), 2)
    return sign(self.factor * x - self.shift / 9)


@form
def two_pools(self, x):
    return sign(F.max_pool2d(F.max_pool2d(self.norm(x), 2, 1), (1, 2), (2, 2)))


@form
def no_norm(self, x):
    return F.max_pool2d(sign(x), 2)


@form
def function_norm(self, x):
    norm = self.norm
    x = F.batch_norm(
        x, norm.running_mean, norm.running_var, norm.weight, norm.bias, self.training, 0.1, 1e-3
    )
    return F.max_pool2d(sign(x), 2)


@form
def constants(self, x):
    x = (self.shift - x / 3) * self.factor + 0.25 * self.shift
    return F.max_pool2d(sign(-x), 2)


@form
def computed_constants(self, x):
    x = x * torch.exp(self.factor) + self.slopes.reshape(9, 1, 1).abs()
    return F.max_pool2d(sign(torch.sub(x, 7)), 2)


@form
def clipped(self, x):
    x = F.hardtanh(self.norm(x), -0.5, 2.0)
    return F.max_pool2d(sign(torch.clamp(x - 0.25, min=-0.75)), 2)


@form
def rectified(self, x):
    return F.max_pool2d(sign(F.relu6(F.relu(self.norm(x))) - 0.125), 2)


@form
def parametric(self, x):
    x = F.prelu(self.prelu(x), self.slopes)
    return F.max_pool2d(sign(F.leaky_relu(x, 0.3) + self.shift), 2)


@form
def casts(self, x):
    x = self.norm(x.float()).to(torch.float32).contiguous().to(x.device)
    return F.max_pool2d(sign(x.detach().clone()), 2)


@form
def asserts(self, x):
    batch, channels, height, width = x.shape
    assert x.dim() == 4, "images"
    assert channels == self.norm.num_features
    assert (height, width) == (8, 7)
    if x.ndim != 4 or len(x) != batch:
        raise ValueError("no images")
    x = sign(self.norm(x.reshape(batch, channels, height, width)))
    return F.max_pool2d(x, height // 4)


class Tail(Written):
    """A factor and a softmax at the end, and sizes that are computed."""

    def middle(self, x):
        return F.max_pool2d(sign(self.norm(x)), 2)

    def forward(self, x):
        x = sign(self.more(self.two(self.middle(self.one(x)))))
        x = x.view(-1, x.size(1) * x.size(2) * x.size(3))
        return F.log_softmax(self.head(x) * 0.01, dim=1)


class Scaled(Written):
    def last(self, x):
        return 3 * self.head(x) / 100


FORMS = [
    pool_between,
    norm_pool_sign,
    norm_pool_norm,
    two_pools,
    no_norm,
    function_norm,
    constants,
    computed_constants,
    clipped,
    rectified,
    parametric,
    casts,
    asserts,
    Tail,
    Scaled,
]


def images_of(seed, shape=SHAPE, bits=BITS):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 1 << bits, (IMAGES, *shape), dtype=np.uint8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", FORMS, ids=lambda kind: kind.__name__)
def test_frozen_is_torch(kind, seed):
    module = kind(seed).train()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    attributes = set(vars(module))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        net = freeze(module, SHAPE, BITS)
        images = images_of(seed)
        assert count_differences(module, net, images) == [0] * len(net.layers)
    assert module.training
    assert set(vars(module)) == attributes
    assert all(torch.equal(state[name], value) for name, value in module.state_dict().items())
    # The module itself, without any of what reads it.
    seen = []
    module.head.register_forward_hook(lambda head, given, out: seen.append((given[0], out)))
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float().contiguous()
    with torch.no_grad():
        module.eval()(x)
    (bits, scores), scored = seen[0], net.forward(images)
    assert np.array_equal(scores.numpy(), scored)
    assert len(np.unique(scored)) > 5
    ours = net.forward(images, upto=len(net.layers) - 1).reshape(IMAGES, 3, 2, 10)
    assert np.array_equal(ours.transpose(0, 3, 1, 2).reshape(IMAGES, -1), bits.numpy() > 0)


def test_softmax_is_left_out_with_a_note():
    with pytest.warns(UserWarning, match=r"log_softmax\(\) .* is left out: it does not change"):
        freeze(Tail(0), SHAPE, BITS)


class Input(nn.Module):
    def __init__(self, function, input_bits):
        super().__init__()
        self.function = function
        self.layer = BinaryLinear(20, 6, input_bits=input_bits)

    def forward(self, x):
        return self.layer(self.function(x))


@pytest.mark.parametrize(
    ("function", "layer_bits", "bits", "given"),
    [
        (lambda x: x.float(), 8, 8, lambda u: u),
        (lambda x: (x * 255).clamp(0, 255), 8, 8, lambda u: u / 255),
        (lambda x: (x - 0.5) / 0.5, None, 1, lambda u: u),
        (lambda x: sign(x - 0.5), None, 1, lambda u: u),
    ],
    ids=["float", "times 255", "standardised bits", "sign of bits"],
)
def test_what_stands_before_the_first_layer(function, layer_bits, bits, given):
    torch.manual_seed(0)
    module = Input(function, layer_bits)
    net = freeze(module, (20,), bits)
    codes = images_of(0, (20,), bits)
    x = given(torch.from_numpy(codes).float())
    assert np.array_equal(module.eval()(x).detach().numpy(), net.forward(codes))
    assert freeze(module, (20,), bits, sample=x).id == net.id


@pytest.mark.parametrize(
    ("function", "layer_bits"),
    [(lambda x: (x - 0.1307) / 0.3081, 8), (lambda x: x / 255, 8), (lambda x: x - 0.5, 8)],
)
def test_refuses_what_makes_other_values_than_the_first_layer_takes(function, layer_bits):
    with pytest.raises(FreezingError, match=r"makes .* of the input 1, but layer .* takes"):
        freeze(Input(function, layer_bits), (20,), 8)


def test_wrappers_are_taken_off():
    module = norm_pool_sign(0)
    net = freeze(module, SHAPE, BITS)
    compiled = torch.compile(module, backend="eager")
    inside = nn.Sequential(nn.DataParallel(torch.compile(module, backend="eager")))
    in_place = norm_pool_sign(0)
    in_place.one.compile(backend="eager")
    for wrapped in (compiled, nn.DataParallel(module), inside, in_place):
        assert freeze(wrapped, SHAPE, BITS).id == net.id
        assert count_differences(wrapped, net, images_of(0)[:20]) == [0] * len(net.layers)


def test_what_a_team_wraps_is_taken_off(tmp_path):
    from torch import distributed

    module = norm_pool_sign(0)
    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        wrapped = nn.parallel.DistributedDataParallel(module)
        net = freeze(wrapped, SHAPE, BITS)
    finally:
        distributed.destroy_process_group()
    assert net.id == freeze(module, SHAPE, BITS).id


def test_norms_of_a_team():
    module = nn.Sequential(BinaryLinear(9, 6, 8), nn.SyncBatchNorm(6), Sign(), BinaryLinear(6, 2))
    spread(module[1], torch.Generator().manual_seed(0), 2000)
    net = freeze(module, (9,), 8)
    images = images_of(0, (9,), 8)
    assert count_differences(module, net, images) == [0, 0]


class Scored(nn.Module):
    """Something behind the last layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.layer = BinaryLinear(30, 6, 8)
        self.norm = nn.BatchNorm1d(6)
        self.scale = Scale(0.5)
        self.bias = nn.Parameter(torch.randn(6) * 3000)
        self.norm.running_mean = torch.randn(6) * 500
        self.norm.running_var = torch.rand(6) * 1e6
        self.norm.weight.data, self.norm.bias.data = torch.randn(6), torch.randn(6)

    def forward(self, x):
        return self.function(self, self.layer(x))


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: x * -0.01,
        lambda m, x: x + m.bias,
        lambda m, x: m.norm(x),
        lambda m, x: m.scale(m.norm(x)) - m.bias / 1000,
        lambda m, x: F.softmax(m.bias.abs() - m.scale(x) / 7, dim=-1),
    ],
    ids=["factor", "bias", "norm", "norm and bias", "softmax"],
)
@pytest.mark.filterwarnings("ignore:.*softmax")
def test_what_stands_behind_the_last_layer_is_the_scale_of_the_output(function):
    torch.manual_seed(0)
    module = Scored(function)
    net = freeze(module, (30,), 8)
    images = images_of(0, (30,), 8)
    with torch.no_grad():
        found = module.eval()(torch.from_numpy(images).float()).double().numpy()
    logits = net.logits(net.forward(images))
    if not np.allclose(found.sum(1), 1):  # but for the softmax
        assert np.allclose(logits, found, rtol=1e-5, atol=1e-5 * np.abs(found).max())
    best = logits.max(1) - np.sort(logits, 1)[:, -2] > 1e-4 * np.abs(logits).max()
    assert best.sum() > 400
    assert np.array_equal(net.classify(images)[best], found.argmax(1)[best])
    assert count_differences(module, net, images) == [0]


def test_a_scale_alone_is_left_out():
    module = nn.Sequential(BinaryLinear(9, 6, 8), Scale(2.0))
    assert freeze(module, (9,), 8).output_scale is None


def test_what_is_no_scale_is_refused():
    with pytest.raises(FreezingError, match=r"relu\(\) .*: stands behind the last layer, and is"):
        freeze(Scored(lambda m, x: F.relu(x)), (30,), 8)


MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


class Coded(nn.Module):
    """Pixels of three channels that the module itself brings to bits."""

    def __init__(self, function, input_bits=None):
        super().__init__()
        self.function = function
        self.layer = BinaryConv2d(3, 9, 3, padding=1, input_bits=input_bits)
        self.norm = nn.BatchNorm2d(9)
        self.register_buffer("mean", MEAN.reshape(3, 1, 1))
        self.register_buffer("std", STD.reshape(3, 1, 1))

    def forward(self, x):
        return sign(self.norm(self.layer(self.function(self, x))))


@pytest.mark.parametrize(
    ("function", "layer_bits", "bits", "divisor"),
    [
        (lambda m, x: sign((x - m.mean) / m.std), None, 1, 255),
        (lambda m, x: sign(x - 100.5), None, 1, 1),
        (lambda m, x: torch.round(x * 15), 4, 4, 255),
        (lambda m, x: (x / 17).round().clamp(max=12), 4, 4, 1),
    ],
    ids=["standardised", "threshold", "rounded", "clamped"],
)
def test_codes_of_pixels_are_the_networks(function, layer_bits, bits, divisor):
    torch.manual_seed(1)
    module = Coded(function, layer_bits)
    spread(module.norm, torch.Generator().manual_seed(1), 27 * ((1 << bits) - 1))
    pixels = images_of(1, (6, 5, 3), 8)
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().contiguous() / divisor
    net = freeze(module, (6, 5, 3), bits, sample=x)
    assert net.codes is not None
    found = net.forward(net.encode(pixels)).reshape(IMAGES, 6, 5, 9)
    with torch.no_grad():
        expected = module.eval()(x).numpy() > 0
    assert np.array_equal(found.transpose(0, 3, 1, 2), expected)
    codes = np.random.default_rng(0).permutation(net.encode(pixels))
    assert count_differences(module, net, codes) == [0]


def test_pixels_that_could_be_either_need_a_sample():
    module = Coded(lambda m, x: (x * 20).clamp(0, 15).round(), 4)
    with pytest.raises(FreezingError, match="pixels 0…255 as well as of 0…1: give freeze a sample"):
        freeze(module, (6, 5, 3), 4)
    x = torch.rand(20, 3, 6, 5).mul(255).round() / 255
    assert freeze(module, (6, 5, 3), 4, sample=x).codes[128] == 10


def test_constants_for_each_pixel_are_refused():
    class Map(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = BinaryConv2d(2, 9, 3, input_bits=8)
            self.register_buffer("map", torch.ones(9, 4, 4))

        def forward(self, x):
            return sign(self.layer(x) + self.map)

    with pytest.raises(FreezingError, match=r"one for each channel, \(9, 1, 1\), not \(9, 4, 4\)"):
        freeze(Map(), (6, 6, 2), 8)


def test_statistics_of_the_batch_are_refused():
    class Batch(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = BinaryLinear(9, 6, 8)
            self.norm = nn.BatchNorm1d(6)

        def forward(self, x):
            norm = self.norm
            return sign(
                F.batch_norm(self.layer(x), norm.running_mean, norm.running_var, None, None, True)
            )

    with pytest.raises(FreezingError, match=r"batch_norm\(\) .* statistics in eval mode too"):
        freeze(Batch(), (9,), 8)


def test_meta_modules_are_one_line():
    with torch.device("meta"):
        module = nn.Sequential(BinaryLinear(9, 6, 8), nn.BatchNorm1d(6), Sign())
    assert isinstance(module[0], Binary)
    with pytest.raises(FreezingError, match=r"^0.weight is on the meta device, which keeps no"):
        freeze(module, (9,), 8)
