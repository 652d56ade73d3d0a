"""Freezing: a trained torch module becomes a `Network` that computes exactly the same bits."""

import numpy as np
import torch
from torch import nn

from bitlight.errors import FreezingError, NetworkError
from bitlight.freezing import inputrange
from bitlight.freezing import verify as comparison
from bitlight.freezing.branching import reading_of
from bitlight.freezing.edges import Branching
from bitlight.network.graph import check_input
from bitlight.network.network import Network
from bitlight.network.surroundings import PIXELS, encode
from bitlight.network.values import Shape


def freeze(
    module: nn.Module,
    input_shape: Shape,
    input_bits: int,
    sample: torch.Tensor | np.ndarray | None = None,
) -> Network:
    """Turn a trained module into a network of integers and bits, exact to the last bit.

    The module, `nn.Sequential` or one with a `forward` of its own, calls layers
    in blocks: BinaryConv2d or BinaryLinear, what rises or falls (BatchNorm, F.batch_norm,
    arithmetic with constants, ReLU, Hardtanh, clamp, PReLU), Sign, and MaxPool2d before or behind
    the Sign. A last BinaryLinear gives scores; factors, bias and batch norm behind it become the
    network's `output_scale`, a Scale or softmax is left out. What stands before the first layer,
    `(x - mean) / std` and a sign or a rounding, becomes its table `codes`. Flatten stands before a
    BinaryLinear that follows images, Identity, Dropout, `.float()` and the like anywhere; asserts
    on shapes hold for `input_shape`. What `torch.compile`, DataParallel and DistributedDataParallel
    put around a module is taken off. A network's features are always in the order (h, w, c), torch
    flattens to (c, h, w): the columns of a BinaryLinear are permuted, and a Flatten at the end is
    left out.

    Values may branch and meet again, in `x + block(x)`, `torch.cat`, `bitlight.nn.Add`, where they
    are levels or integers: sums of binary layers, and what IntegerBatchNorm2d, RPReLU, SumPool2d,
    average pools over a power of two, ReLU and sums make of them. The network is a graph then,
    whose nodes have the names of the modules. Nothing stands before the first layer of such a
    module.

    Parameters
    ----------
    module : torch.nn.Module
        Its eval mode is what is frozen, whatever mode it is in; it is not changed.
    input_shape : (H, W, C) or (n,)
        torch itself sees (N, C, H, W) or (N, n).
    input_bits : int, 1 to 8
        That of the first layer. 1: torch's first layer sees ±1 values, or bits with `input_bits=1`.
    sample : Tensor or array, shape (N, C, H, W) or (N, n), optional
        Some inputs as the module is trained on them. Their values must be those that the first
        layer takes, they must look to its batch norm as its training did, and every layer's bits on
        them are compared with torch. Without it, a first layer of 8 bits whose batch norm has seen
        floats such as 0 … 1 is found by its statistics alone.

    Raises
    ------
    FreezingError
        If the module computes anything that a binary network cannot; the message names the place.
        Hooks, parametrizations and replaced `forward` methods are refused by name. If the sample
        shows that the module was trained on other values than the network takes.

    Examples
    --------
    >>> from bitlight.nn import BinaryLinear, Sign
    >>> module = nn.Sequential(BinaryLinear(16, 4), nn.BatchNorm1d(4), Sign(), BinaryLinear(4, 2))
    >>> freeze(module, (16,), input_bits=1).shapes
    ((16,), (4,), (2,))
    """
    largest = None if sample is None or not len(sample) else float(torch.as_tensor(sample).max())
    try:
        check_input(input_shape, input_bits)
        reading = reading_of(module, input_shape, input_bits, largest)
        layers = reading.nodes if isinstance(reading, Branching) else reading.layers
        net = Network(input_shape, input_bits, layers)
        codes, scale = _unusual(reading.codes, input_bits), reading.output_scale
        if codes is not None or scale is not None:
            net = Network(input_shape, input_bits, layers, codes=codes, output_scale=scale)
    except NetworkError as error:
        raise FreezingError(str(error)) from error
    if sample is None:
        inputrange.check_statistics(reading, input_bits)
        return net
    images = inputrange.codes_of(sample, reading, net)
    inputrange.check_sample(images, reading, net)
    differences = comparison.count_differences(module, net, images, reading)
    if any(differences):
        raise FreezingError(f"frozen and torch differ, values for each layer: {differences}")
    return net


def _unusual(codes: np.ndarray | None, input_bits: int) -> np.ndarray | None:
    """A table of codes, unless it is what a network does without one."""
    if codes is None or np.array_equal(codes, encode(np.arange(PIXELS), None, input_bits)):
        return None
    return codes
