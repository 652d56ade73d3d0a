"""Whether a module was trained on the values that its first layer takes: pixels 0 … 2^b − 1.

A layer of 8 bits trained on floats 0 … 1 freezes without an error to a network that is no good. Its
batch norm knows: sums over K pixels p have a variance of some 4·K·var(p), over floats p/255 one
that is 65,025 times smaller.
"""

import numpy as np
import torch
from torch import nn

from bitlight.errors import FreezingError
from bitlight.freezing.reader import Reading, as_torch_sees
from bitlight.network.network import Network
from bitlight.network.surroundings import PIXELS
from bitlight.nn.layers import Binary

# Between those of floats (0 … 1 or standardised: 4·K at most, or some of it) and of pixels, whose
# own variance is 400 for very dark images and 6,000 for even ones.
FLOATS = 64
# Bits from which the ranges are so far apart that statistics tell them.
TELLING_BITS = 4
_PUT_RIGHT = "train on pixels as they are (bitlight.nn.pixels_to_floats), or take images × {top}"


def check_statistics(reading: Reading, bits: int) -> None:
    """Raise FreezingError if the first batch norm has seen floats where 8-bit pixels are due.

    A batch norm that was never trained says nothing.
    """
    if bits != 8 or not _trained(reading.norm) or reading.first is None:
        return
    inputs = reading.first.weight[0].numel()
    variance = _variance(reading.norm)
    if variance.median() < FLOATS * inputs:
        raise FreezingError(
            f"the first batch norm's running_var, {variance.median():.3g} in the median, is far "
            f"too small for sums over {inputs} pixels of 8 bits: the module was trained on floats "
            f"such as 0…1; {_PUT_RIGHT.format(top=255)}. If the images are nearly black, give "
            "freeze a sample of them"
        )


def codes_of(sample: torch.Tensor | np.ndarray, reading: Reading, net: Network) -> np.ndarray:
    """A sample in the form that the module takes, as images (N, H, W, C) that the network takes.

    Raises
    ------
    FreezingError
        If the shape is another, there is none, or a value stands for no code.
    """
    x = torch.as_tensor(sample).detach().cpu()
    wanted = as_torch_sees(net.input_shape)
    if x.shape[1:] != wanted or not len(x):
        shape = ", ".join(map(str, wanted))
        raise FreezingError(f"sample must have the shape (N, {shape}), not {tuple(x.shape)}")
    top = (1 << net.input_bits) - 1 if reading.codes is None else PIXELS - 1
    kind = "±1" if reading.signed else "the integers 0 to " + str(top)
    kind = kind if reading.divisor == 1 else f"{kind} divided by {reading.divisor}"
    exact = x.double()
    codes = (exact + 1) / 2 if reading.signed else (exact * reading.divisor).round()
    good = (codes >= 0) & (codes <= top) & (codes == codes.round())
    # float32 as the network's training divides: 1/255 is none of its numbers.
    again = 2 * codes - 1 if reading.signed else codes.float() / reading.divisor
    good &= again == x.float()
    if not good.all():
        value = exact[~good][0].item()
        raise FreezingError(
            f"sample has {value:.6g} and goes from {exact.min():.6g} to {exact.max():.6g}, but the "
            f"module takes {kind}: {_PUT_RIGHT.format(top=top)}"
        )
    if top > 1 and not reading.signed and codes.any() and codes.max() <= 1:
        raise FreezingError(
            f"sample has no value above {codes.max() / reading.divisor:g}, but the module takes "
            f"{kind}: {_PUT_RIGHT.format(top=top)}"
        )
    images = codes.permute(0, 2, 3, 1) if codes.ndim == 4 else codes
    found = np.ascontiguousarray(images.to(torch.uint8).numpy())
    return found if reading.codes is None else net.encode(found)


@torch.no_grad()
def check_sample(codes: np.ndarray, reading: Reading, net: Network) -> None:
    """Raise FreezingError if the first layer's sums are spread quite otherwise than in training."""
    if net.input_bits < TELLING_BITS or not _trained(reading.norm) or len(codes) < 2:
        return
    first, trained = reading.first, _variance(reading.norm)
    assert isinstance(first, Binary)
    x = torch.from_numpy(codes)
    x = reading.given(x.permute(0, 3, 1, 2) if x.ndim == 4 else x)
    for leaf in reading.leaves:
        if leaf.module is first:
            break
        x = leaf.module(x.to(first.weight.device))
    training = first.training
    sums = first.eval()(x.to(first.weight.device)).transpose(0, 1).flatten(1)
    first.train(training)
    seen = sums.double().var(1).cpu()
    told = (seen > 0) & (trained > 0)
    if not told.any():
        return
    ratio = (trained[told] / seen[told]).median().item()
    # The range enters squared: a factor of its first power lies in the middle between both.
    top = (1 << net.input_bits) - 1
    if not 1 / top < ratio < top:
        raise FreezingError(
            f"the first batch norm's running_var is {ratio:.3g} times the variance of its sums on "
            f"the sample: the module was trained on values of another range, such as 0…1; "
            f"{_PUT_RIGHT.format(top=top)}"
        )


def _trained(norm: nn.Module | None) -> bool:
    steps = getattr(norm, "num_batches_tracked", None)
    return steps is not None and bool(steps > 0)


def _variance(norm: nn.Module | None) -> torch.Tensor:
    assert norm is not None
    variance = norm.running_var
    assert isinstance(variance, torch.Tensor)
    return variance.detach().double().cpu()
