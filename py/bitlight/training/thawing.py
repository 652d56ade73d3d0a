"""Thawing: a frozen network becomes a module again that computes the same bits and can be trained.

A frozen layer says [a ≥ t] of its sums a, which go in steps of 2. Batch norm

    y = γ·(a − μ)/√(σ² + ε) + β    with γ = 1 and β = (μ − (t − 1))/√(σ² + ε)

is 0 at t − 1, in the middle between the last sum that gives 0 and the first that gives 1, whatever
μ and σ² are. So these are free, and are taken from images: then a batch that is seen while training
gives about the same bits too, and y has the spread that the sign's gradient is made for.

Latent weights are lost with freezing: each becomes ±c, c being what `latent_size` says.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from bitlight.errors import BitlightError, FreezingError, TrainingError
from bitlight.freezing.reader import as_torch_sees, pair, read
from bitlight.network.layers import Conv2d, Layer, Linear, MaxPool2d
from bitlight.network.network import Network
from bitlight.nn.chain import Leaf, chain
from bitlight.nn.layers import Binary, BinaryConv2d, BinaryLinear, Scale, Sign
from bitlight.nn.modes import evaluating
from bitlight.nn.monotonic import NORMS
from bitlight.training.recipes import Recipe

# Standard deviations of a walk without direction that a latent weight is away from 0.
DEVIATIONS = 3


def latent_size(recipe: Recipe, steps: int) -> float:
    """The size c of the latent weights ±c with which a training of so many steps begins.

    A step of Adam moves a weight by the learning rate η at most. Gradients without direction make
    a walk of it, whose end has a standard deviation of √(Σ η²); those that agree carry it by Σ η.
    c is three of these deviations, so that noise turns over hardly any weight in the whole
    training, and a direction that stays turns over those that it should: of T steps c/η, about
    2·√T, are enough.

    Parameters
    ----------
    recipe : Recipe
    steps : int
        Of all epochs.

    Returns
    -------
    float
        At most 1, beyond which latent weights are clipped.

    Examples
    --------
    >>> round(latent_size(Recipe(learning_rate=1e-3), 4000), 3)
    0.111
    """
    rates = np.array([recipe.learning_rate_at(step, steps) for step in range(steps)])
    return min(1.0, DEVIATIONS * math.sqrt(float((rates**2).sum())))


@dataclass
class _Stage:
    """A layer of the module: what it is made of, beside the frozen layer that it is to be."""

    leaf: Leaf
    norm: Leaf | None = None

    @property
    def layer(self) -> nn.Module:
        return self.leaf.module

    def says(self, reason: str) -> TrainingError:
        return TrainingError(f"{self.leaf.name}: {reason}")


# The shape that a frozen layer takes, the layer, and what is to be it.
_Pair = tuple[tuple[tuple[int, ...], Layer], _Stage]


def thaw(
    net: Network, module: nn.Module, images: Iterable[torch.Tensor], *, latent: float = 0.1
) -> int:
    """Write a frozen network's bits and thresholds into a module of its shape, in place.

    The module may have more layers than the network, as a classifier behind an extractor, and its
    last layer may score other classes: these keep the weights that they have.

    Parameters
    ----------
    net : Network
        A chain of layers that give bits, and perhaps scores at its end.
    module : torch.nn.Module
        Binary layers, each with batch norm and a Sign, as `bitlight.zoo` has them.
    images : iterable of float Tensors (N, C, H, W) or (N, n)
        Batches of pixel values, as the module is trained on them, for batch norm's statistics.
    latent : float
        Size of the latent weights: see `latent_size`.

    Returns
    -------
    int
        How many of the network's layers the module has now.

    Raises
    ------
    TrainingError
        If the module has another shape than the network, or cannot compute what it computes: the
        message names the layer. Before it returns, the module is frozen again and each weight and
        threshold compared.

    Examples
    --------
    >>> from bitlight import freeze
    >>> def small():
    ...     return nn.Sequential(BinaryLinear(8, 4, input_bits=8), nn.BatchNorm1d(4), Sign())
    >>> net, module = freeze(small(), (8,), 8), small()
    >>> thaw(net, module, [torch.randint(256, (50, 8)).float()])
    1
    >>> freeze(module, (8,), 8).id == net.id
    True
    """
    if not 0 < latent <= 1:
        raise TrainingError(f"latent must be more than 0 and at most 1, not {latent!r}")
    _check_kind(net)
    stages = _stages(module, net)
    pairs = list(_pairs(net, stages))
    for (shape, layer), stage in pairs:
        _fill(layer, stage, shape, latent)
    _settle([stage for _, stage in pairs], module, images)
    _compare(net, module, pairs)
    return len(pairs)


def _check_kind(net: Network) -> None:
    if not net.is_chain:
        raise TrainingError(
            "the network has branches, whose scales a frozen file does not tell: training can go "
            "on from a chain of layers, or from the folder of a run"
        )
    if net.codes is not None:
        raise TrainingError(
            "the network makes codes of its pixels by a table, and the design takes them as they "
            "are"
        )


def _stages(module: nn.Module, net: Network) -> list[_Stage]:
    """The module's layers, each with its batch norm."""
    example = torch.zeros((3, *as_torch_sees(net.input_shape)))
    stages: list[_Stage] = []
    try:
        leaves = chain(module, example)
    except FreezingError as error:
        raise TrainingError(
            f"training goes on from a file where layers are a chain: {error}"
        ) from error
    for leaf in leaves:
        if isinstance(leaf.module, Binary | nn.MaxPool2d):
            stages.append(_Stage(leaf))
        elif isinstance(leaf.module, NORMS) and stages and stages[-1].norm is None:
            stages[-1].norm = leaf
        elif not (leaf.is_idle or isinstance(leaf.module, Sign | Scale | nn.Flatten)):
            raise TrainingError(f"{leaf.name}: has no place beside a frozen layer")
    return stages


def _pairs(net: Network, stages: list[_Stage]) -> Iterator[_Pair]:
    """Each frozen layer, with the shape that it takes, and the module's layer that is to be it."""
    last = len(net.layers) - 1
    for index, (shape, layer) in enumerate(zip(net.shapes, net.layers, strict=False)):
        scores = index == last and net.gives_scores
        if index == len(stages):
            if scores:  # an extractor is trained from a classifier
                return
            raise TrainingError(
                f"the network has {len(net.layers)} layers, and the design {len(stages)}"
            )
        stage = stages[index]
        if scores and _scores_others(layer, stage):
            return
        _check_shape(index, layer, stage)
        yield (tuple(shape), layer), stage


def _scores_others(layer: Layer, stage: _Stage) -> bool:
    """Whether both are last layers for another number of classes."""
    return (
        isinstance(layer, Linear)
        and isinstance(stage.layer, BinaryLinear)
        and stage.norm is None
        and layer.weight.shape[1] == stage.layer.weight.shape[1]
        and len(layer.weight) != len(stage.layer.weight)
    )


def _check_shape(index: int, layer: Layer, stage: _Stage) -> None:
    """Raise TrainingError unless the module's layer can be the frozen one."""
    theirs, ours = _form(layer), _form(stage.layer)
    if theirs is None:
        raise TrainingError(f"layer {index} is a {type(layer).__name__}, which no design has")
    if theirs != ours:
        raise stage.says(f"is {ours}, and layer {index} of the network {theirs}")
    threshold = getattr(layer, "threshold", None)
    if isinstance(layer, MaxPool2d):
        return
    if threshold is not None and threshold.ndim != 1:
        raise stage.says(
            f"gives bits, and layer {index} of the network levels 0 to {threshold.shape[1]}"
        )
    if (threshold is None) != (stage.norm is None):
        kinds = "scores", "bits"
        raise stage.says(
            f"gives {kinds[stage.norm is not None]}, and layer {index} of the network "
            f"{kinds[threshold is not None]}"
        )
    if isinstance(layer, Conv2d) and any(layer.padding):
        assert isinstance(stage.layer, BinaryConv2d)
        if layer.pad_value != stage.layer.pad_value:
            raise stage.says(
                f"has {stage.layer.pad_value} outside of its images, and layer {index} of the "
                f"network {layer.pad_value}: the recipe's pad_bit says which"
            )


def _form(layer: Layer | nn.Module) -> str | None:
    """What must be the same in both, in words."""
    if isinstance(layer, MaxPool2d | nn.MaxPool2d):
        kernel = layer.kernel if isinstance(layer, MaxPool2d) else pair(layer.kernel_size)
        return f"a MaxPool2d of {kernel}, stride {pair(layer.stride)}"  # type: ignore[arg-type]
    if isinstance(layer, Conv2d | BinaryConv2d):
        weight = layer.weight if isinstance(layer, Conv2d) else _as_frozen(layer)
        outputs, rows, columns, inputs = weight.shape
        several = isinstance(layer, Binary) and (layer.weight_bits, layer.levels) != (1, 1)
        return (
            f"a convolution of {inputs} to {outputs} channels, {rows}×{columns}, stride "
            f"{pair(layer.stride)}, padding {pair(layer.padding)}"
            + (", of several bits" if several else "")
        )
    if isinstance(layer, Linear | BinaryLinear):
        outputs, inputs = layer.weight.shape
        several = isinstance(layer, Binary) and layer.weight_bits > 1
        return f"a layer of {inputs} inputs and {outputs} outputs" + (
            ", of several bits" if several else ""
        )
    return None


def _as_frozen(layer: BinaryConv2d) -> torch.Tensor:
    return layer.weight.detach().permute(0, 2, 3, 1)


@torch.no_grad()
def _fill(layer: Layer, stage: _Stage, shape: tuple[int, ...], latent: float) -> None:
    """Weights ±latent, and a batch norm that is 0 halfway between the sums around the threshold."""
    if isinstance(layer, MaxPool2d):
        return
    assert isinstance(layer, Conv2d | Linear)
    assert isinstance(stage.layer, BinaryConv2d | BinaryLinear)
    ones = layer.weight
    if isinstance(layer, Conv2d):
        ones = ones.transpose(0, 3, 1, 2)
    elif len(shape) == 3:
        height, width, channels = shape
        ones = ones.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
        ones = ones.reshape(len(ones), -1)
    signs = torch.from_numpy(np.where(ones, latent, -latent).astype(np.float32))
    stage.layer.weight.copy_(signs)
    if stage.norm is None:
        return
    norm = stage.norm.module
    assert isinstance(norm, NORMS)
    if norm.running_mean is None or not norm.affine:
        raise TrainingError(f"{stage.norm.name}: must have running statistics, weight and bias")
    assert norm.running_var is not None
    norm.running_mean.copy_(torch.from_numpy(_turning(layer, stage.layer)))
    norm.running_var.fill_(1 - norm.eps)
    nn.init.ones_(norm.weight)
    nn.init.zeros_(norm.bias)


def _turning(layer: Conv2d | Linear, module: BinaryConv2d | BinaryLinear) -> np.ndarray:
    """t − 1, where batch norm is to be 0: never a sum, and halfway between two of them."""
    threshold = _thresholds(layer, module)
    return (threshold - 1).astype(np.float32)


def _thresholds(layer: Conv2d | Linear, module: BinaryConv2d | BinaryLinear) -> np.ndarray:
    """The first sum that gives 1; reach + 2 where none does: int64.

    Of thresholds that say the same of every sum, as 3 and 4 do of even sums, it is one.
    """
    assert layer.threshold is not None
    reach = _reach(layer, module)
    threshold = np.clip(layer.threshold.astype(np.int64), -reach, reach + 2)
    return threshold + (threshold - reach) % 2


def _reach(layer: Conv2d | Linear, module: BinaryConv2d | BinaryLinear) -> int:
    return ((1 << (module.input_bits or 1)) - 1) * layer.fan_in


@torch.no_grad()
def _settle(stages: list[_Stage], module: nn.Module, images: Iterable[torch.Tensor]) -> None:
    """Mean and variance of what reaches each batch norm, its zero staying where it is."""
    norms = [stage.norm.module for stage in stages if stage.norm is not None]
    count = dict.fromkeys(norms, 0)
    sums: dict[nn.Module, torch.Tensor] = {}

    def note(norm: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        x = given[0].double()
        x = x.transpose(0, 1).flatten(1) if x.ndim == 4 else x.T
        found = torch.stack([x.sum(1), x.square().sum(1)])
        sums[norm] = sums[norm] + found if norm in sums else found
        count[norm] += x.shape[1]

    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    try:
        with evaluating(module):
            for batch in images:
                module(batch)
    finally:
        for hook in hooks:
            hook.remove()
    for norm in norms:
        if not count[norm]:
            raise TrainingError("batch norm's statistics need some images")
        assert isinstance(norm, NORMS)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, square = sums[norm] / count[norm]
        variance = (square - mean.square()).clamp(min=0)
        zero = norm.running_mean.double()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        spread = (norm.running_var.double() + norm.eps).sqrt()
        norm.bias.copy_((norm.running_mean.double() - zero) / spread)


def _compare(
    net: Network,
    module: nn.Module,
    pairs: list[_Pair],
) -> None:
    """Freeze the module again: every weight and threshold must be that of the network."""
    try:
        frozen = read(module, net.input_shape, net.input_bits).layers
    except BitlightError as error:
        raise TrainingError(f"the design cannot be what the network is: {error}") from error
    for again, ((_, layer), stage) in zip(frozen, pairs, strict=False):
        if isinstance(layer, MaxPool2d):
            continue
        assert isinstance(layer, Conv2d | Linear)
        assert isinstance(again, Conv2d | Linear)
        assert isinstance(stage.layer, BinaryConv2d | BinaryLinear)
        differ = (again.weight != layer.weight).reshape(len(layer.weight), -1).any(1)
        if layer.threshold is not None:
            assert again.threshold is not None
            differ |= again.threshold != _thresholds(layer, stage.layer)
        if differ.any():
            first = int(np.flatnonzero(differ)[0])
            of_first = "" if layer.threshold is None else f", threshold {layer.threshold[first]}"
            raise stage.says(
                f"float32 cannot say what {differ.sum()} of its {len(differ)} outputs say in the "
                f"network, the first of them output {first}{of_first}"
            )
