"""Comparison of a torch module with its frozen network: every layer, every bit."""

import numpy as np
import torch
from torch import nn

from bitlight.errors import FreezingError
from bitlight.network import Network
from bitlight.nn.chain import chain
from bitlight.nn.layers import BinaryLinear, Scale, Sign, pixels_to_floats

BATCH = 500
# As many images show that the chain of layers is the module: it is the same for all.
CHECKED = 16


def count_differences(module: nn.Module, net: Network, images: np.ndarray) -> list[int]:
    """How many values of each layer's output differ between torch in eval mode and `net`.

    Parameters
    ----------
    module : torch.nn.Module
        The module that was frozen; it is put into eval mode.
    net : Network
    images : uint8 array, shape (N, H, W, C) or (N, n)

    Returns
    -------
    list of int
        One for each layer of `net`; all 0 when freezing was exact.

    Raises
    ------
    ValueError
        If torch gives another number of layers than `net`.
    FreezingError
        If the layers, called one after the other, give something else than `module` itself.
    """
    module.eval()
    # Contiguous, so that a forward may have a view.
    _check_chain(module, pixels_to_floats(torch.tensor(images[:CHECKED])).contiguous())
    # One network for each layer, so that no layer is computed twice.
    stages = [
        Network(shape, net.depth(index), [layer])
        for index, (shape, layer) in enumerate(zip(net.shapes, net.layers, strict=False))
    ]
    counts = np.zeros(len(stages), np.int64)
    for start in range(0, len(images), BATCH):
        theirs = images[start : start + BATCH]
        outputs = layer_outputs(module, pixels_to_floats(torch.tensor(theirs)))
        for index, (stage, ours) in enumerate(zip(stages, outputs, strict=True)):
            theirs = stage.forward(theirs.reshape(-1, *stage.input_shape))
            counts[index] += np.count_nonzero(ours != theirs)
    return counts.tolist()


@torch.no_grad()
def layer_outputs(module: nn.Module, x: torch.Tensor) -> list[np.ndarray]:
    """What torch itself computes in eval mode at the end of each layer of the frozen network.

    Parameters
    ----------
    module : torch.nn.Module
        One that `bitlight.freeze` takes; it is put into eval mode.
    x : float32 Tensor, shape (N, C, H, W) or (N, n)

    Returns
    -------
    list of arrays, shape (N, features)
        uint8 0/1, images in the order (h, w, c), or int32 scores.
    """
    module.eval()
    leaves = [leaf for leaf in chain(module) if not leaf.is_idle]
    steps = [leaf.module for leaf in leaves if not isinstance(leaf.module, Scale)]
    outputs = []
    for step in steps:
        x = step(x)
        if isinstance(step, Sign | nn.MaxPool2d):
            images = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
            outputs.append((images > 0).flatten(1).to(torch.uint8).numpy())
    if isinstance(steps[-1], BinaryLinear):
        outputs.append(x.to(torch.int32).numpy())
    return outputs


@torch.no_grad()
def _check_chain(module: nn.Module, x: torch.Tensor) -> None:
    value = x
    for leaf in chain(module):
        value = leaf.module(value)
    if not torch.equal(value, module(x)):
        raise FreezingError("the module gives other values than its layers one after the other")
