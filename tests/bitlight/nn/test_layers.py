import pytest
import torch
from torch import nn

from bitlight.nn import (
    BinaryConv2d,
    BinaryLinear,
    Scale,
    Sign,
    clip_latent,
    pixels_to_floats,
    sign,
)

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)


@pytest.mark.parametrize("pad_value", [0, 1])
def test_convolution_pads_with_a_bit(pad_value):
    layer = BinaryConv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 2), pad_value=pad_value).eval()
    x = sign(torch.randn(2, 2, 5, 4))
    outside = torch.full((2, 2, 7, 8), 2.0 * pad_value - 1)
    outside[:, :, 1:-1, 2:-2] = x
    expected = nn.functional.conv2d(outside, sign(layer.weight), stride=(2, 1))
    assert torch.equal(layer(x), expected)


def test_first_layer_sees_odd_integers():
    layer = BinaryConv2d(1, 4, 3, padding=1, pad_value=7, input_bits=4).eval()
    pixels = torch.randint(0, 16, (2, 1, 6, 6)).float()
    outside = torch.full((2, 1, 8, 8), 7.0)
    outside[:, :, 1:-1, 1:-1] = pixels
    expected = nn.functional.conv2d(2 * outside - 15, sign(layer.weight))
    assert torch.equal(layer(pixels), expected)


def test_linear_sums():
    layer = BinaryLinear(3, 1, input_bits=8).eval()
    layer.weight.data = torch.tensor([[0.2, -0.7, 0.0]])
    assert layer(torch.tensor([[0.0, 255.0, 128.0]])).item() == -255 - 255 + 1


def test_eval_sums_are_exact_integers_even_under_autocast():
    layer = BinaryLinear(1001, 5).eval()
    x = sign(torch.randn(7, 1001))
    with torch.autocast("cpu", torch.bfloat16):
        sums = layer(x)
    expected = x.long() @ sign(layer.weight).long().T
    assert sums.dtype == torch.float32
    assert torch.equal(sums.long(), expected)


def test_gradient_reaches_latent_weights():
    layer = BinaryConv2d(1, 2, 3)
    layer.weight.data[0] = 2.0
    layer(sign(torch.randn(1, 1, 5, 5))).square().sum().backward()
    assert not layer.weight.grad[0].any()
    assert layer.weight.grad[1].any()


def test_clip_latent_touches_binary_layers_alone():
    module = nn.Sequential(BinaryLinear(4, 4), nn.Sequential(nn.Linear(4, 4), BinaryLinear(4, 2)))
    for layer in module.modules():
        if hasattr(layer, "weight"):
            layer.weight.data *= 100
    before = module[1][0].weight.clone()
    clip_latent(module)
    assert module[0].weight.abs().max() == 1
    assert module[1][1].weight.abs().max() == 1
    assert torch.equal(module[1][0].weight, before)


def test_scale():
    assert Scale(0.25)(torch.tensor([-4.0, 8.0])).tolist() == [-1, 2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Scale(0), "factor must be positive, not 0"),
        (lambda: BinaryLinear(3, 2, input_bits=9), "input_bits must be None or 1 to 8, not 9"),
        (lambda: BinaryConv2d(1, 1, 3, pad_value=2), "pad_value must be 0 to 1, not 2"),
        (
            lambda: BinaryConv2d(1, 1, 3, pad_value=256, input_bits=8),
            "pad_value must be 0 to 255, not 256",
        ),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_pixels_to_floats_moves_channels():
    pixels = torch.arange(24, dtype=torch.uint8).reshape(1, 2, 3, 4)
    assert pixels_to_floats(pixels)[0, 3, 1, 2] == pixels[0, 1, 2, 3]
    assert pixels_to_floats(pixels[0, 0]).shape == (3, 4)


def test_repr_shows_the_geometry():
    layer = BinaryConv2d(2, 3, 3, padding=1, pad_value=0)
    assert "2, 3, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), pad_value=0" in repr(layer)
    assert "4, 5, input_bits=None" in repr(BinaryLinear(4, 5))
    assert "0.5" in repr(Scale(0.5))
    assert repr(Sign()) == "Sign()"
    assert repr(Sign("swish-sign", beta=3)) == "Sign(estimator='swish-sign', beta=3)"
    assert "input_bits=8, estimator='approx-sign')" in repr(
        BinaryLinear(4, 5, 8, estimator="approx-sign")
    )
