"""Comparison of a torch module with its frozen network: every layer, every bit."""

import numpy as np
import torch
from torch import nn

from bitlight.errors import FreezingError
from bitlight.freezing.branching import reading_of
from bitlight.freezing.edges import Branching, Place
from bitlight.freezing.reader import Reading, read
from bitlight.network.golden import graphs
from bitlight.network.network import Network
from bitlight.network.values import Levels
from bitlight.nn.layers import Binary, Sign
from bitlight.nn.modes import evaluating
from bitlight.nn.unwrapping import eager, unwrap

BATCH = 500
GRAPH_BATCH = 100  # whose values of all nodes are in memory at once
# As many images show that the chain of layers is the module: it is the same for all.
CHECKED = 16


def count_differences(
    module: nn.Module, net: Network, images: np.ndarray, reading: Reading | None = None
) -> list[int]:
    """How many values of each layer's output differ between torch in eval mode and `net`.

    Parameters
    ----------
    module : torch.nn.Module
        The module that was frozen; it is not changed.
    net : Network
    images : uint8 array, shape (N, H, W, C) or (N, n)
    reading : Reading, optional
        Of the module, where there is one already.

    Returns
    -------
    list of int
        One for each layer of `net`; all 0 when freezing was exact. What torch never has, the bits
        before a pool that stands before its sign or a plane of weights, is compared behind that.

    Raises
    ------
    ValueError
        If torch gives another number of layers than `net`.
    FreezingError
        If the layers, called one after the other, give something else than `module` itself.
    """
    reading = reading or reading_of(module, net.input_shape, net.input_bits)
    module = unwrap(module)
    if isinstance(reading, Branching):
        return _count_in_graph(module, net, images, reading)
    if len(reading.layers) != len(net.layers):
        raise ValueError(f"the module has {len(reading.layers)} layers, not {len(net.layers)}")
    _check_chain(module, reading, torch_input(reading, images[:CHECKED]))
    # One network for each layer, so that no layer is computed twice.
    stages = [
        Network(shape, net.depth(index), [layer])
        for index, (shape, layer) in enumerate(zip(net.shapes, net.layers, strict=False))
    ]
    counts = np.zeros(len(stages), np.int64)
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        theirs, found = batch, []
        for stage in stages:
            theirs = stage.forward(theirs.reshape(-1, *stage.input_shape))
            found.append(theirs)
        outputs = _outputs(module, reading, torch_input(reading, batch))
        for mark, ours in zip(reading.marks, outputs, strict=True):
            expected = found[mark.layer]
            if mark.turned is not None:
                bits = expected.reshape(*expected.shape[:1], -1, len(mark.turned))
                expected = (bits ^ mark.turned).reshape(expected.shape)
            counts[mark.layer] += np.count_nonzero(ours != expected)
    return counts.tolist()


def _count_in_graph(
    module: nn.Module, net: Network, images: np.ndarray, reading: Branching
) -> list[int]:
    if list(reading.nodes) != [node.name for node in net.nodes]:
        raise ValueError(f"the module has the nodes {', '.join(reading.nodes)}, and net others")
    places = {place.node: place for place in reading.places}
    counts = dict.fromkeys(reading.nodes, 0)
    for start in range(0, len(images), GRAPH_BATCH):
        batch = images[start : start + GRAPH_BATCH]
        x = torch_input(reading, batch).to(_device(module))
        values = _stepped(module, reading, x)
        with torch.no_grad(), evaluating(module), eager():
            if start == 0 and not torch.equal(values[-1], module(x)):
                raise FreezingError("the module gives other values than its layers one by one")
        for node, found in graphs.trace(net, batch):
            if node.name in places:
                ours = _as_integers(values[places[node.name].step], places[node.name])
                counts[node.name] += int(np.count_nonzero(ours != found))
    return [*counts.values()]


@torch.no_grad()
def _stepped(module: nn.Module, reading: Branching, x: torch.Tensor) -> list[torch.Tensor]:
    """What torch has after each call."""
    values: list[torch.Tensor] = []
    with evaluating(module), eager():
        for step in reading.steps:
            step.function.eval()
            values.append(step.function(*(values[n] if n >= 0 else x for n in step.takes)))
    return values


def _as_integers(value: torch.Tensor, place: Place) -> np.ndarray:
    """Levels or integers (N, elements) of what torch has, in the order (h, w, c)."""
    value = value.permute(0, 2, 3, 1) if value.ndim == 4 else value
    exact = value.double().flatten(1).cpu().numpy()
    if isinstance(place.kind, Levels):
        return (exact + place.kind.top) / 2
    return exact * 2.0**place.fraction


def torch_input(reading: Reading, images: np.ndarray) -> torch.Tensor:
    """Images as the network takes them, uint8 (N, H, W, C) or (N, n), as the module takes them."""
    x = torch.tensor(images)
    # Contiguous, so that a forward may have a view.
    return reading.given(x.permute(0, 3, 1, 2) if x.ndim == 4 else x).contiguous()


def layer_outputs(module: nn.Module, x: torch.Tensor) -> list[np.ndarray]:
    """What torch itself computes in eval mode at the end of each layer of the frozen network.

    Parameters
    ----------
    module : torch.nn.Module
        One that `bitlight.freeze` takes.
    x : float32 Tensor, shape (N, C, H, W) or (N, n)

    Returns
    -------
    list of arrays, shape (N, features)
        uint8 0/1, images in the order (h, w, c), or int32 scores.
    """
    first = next(layer for layer in module.modules() if isinstance(layer, Binary))
    shape = (*x.shape[2:], x.shape[1]) if x.ndim == 4 else tuple(x.shape[1:])
    return _outputs(unwrap(module), read(module, shape, first.input_bits or 1), x)


@torch.no_grad()
def _outputs(module: nn.Module, reading: Reading, x: torch.Tensor) -> list[np.ndarray]:
    marks = {mark.leaf for mark in reading.marks}
    outputs = []
    x = x.to(_device(module))
    with evaluating(module), eager():
        for index, leaf in enumerate(reading.leaves):
            x = leaf.module(x)
            if index in marks and isinstance(leaf.module, Sign | nn.MaxPool2d):
                images = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
                outputs.append((images > 0).flatten(1).to(torch.uint8).cpu().numpy())
            elif index in marks:
                outputs.append(x.to(torch.int32).cpu().numpy())
    return outputs


@torch.no_grad()
def _check_chain(module: nn.Module, reading: Reading, x: torch.Tensor) -> None:
    x = value = x.to(_device(module))
    with evaluating(module), eager():
        for leaf in reading.leaves:
            value = leaf.module(value)
        if not torch.equal(value, module(x)):
            raise FreezingError("the module gives other values than its layers one after the other")


def _device(module: nn.Module) -> torch.device:
    return next((tensor.device for tensor in module.parameters()), torch.device("cpu"))
