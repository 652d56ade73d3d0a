"""Reads a torch module whose values branch and meet again: what `freeze` makes of shortcuts.

Every value of torch is known here as what the network has in its place: levels, or integers times
2^−fraction. Modules of `bitlight.nn.integers` say their integers themselves. Between sums or
integers and their sign may stand what rises or falls, as in chains; thresholds are then found by a
search with these very steps.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from bitlight.errors import FreezingError, NetworkError
from bitlight.freezing import reader
from bitlight.freezing.calls import CLOSING, Cat, Mean, averaged, goes_to, joined
from bitlight.freezing.comparing import Ask, compared, folded
from bitlight.freezing.edges import Branching, Edge, Growing, Sums
from bitlight.freezing.reader import INEXACT, Reading, as_torch_sees, check_floats, run_steps
from bitlight.network.graph import INPUT
from bitlight.network.layers import (
    Add,
    Affine,
    Concat,
    Conv2d,
    Linear,
    MaxPool2d,
    PReLU,
    SumPool2d,
)
from bitlight.network.surroundings import OutputScale
from bitlight.network.values import Integers, Levels, Shape
from bitlight.nn import integers
from bitlight.nn.chain import Leaf, is_size, is_tensor_of_the_module, read_call
from bitlight.nn.layers import Binary, BinaryConv2d, BinaryLinear, Scale
from bitlight.nn.monotonic import STEPS, falls
from bitlight.nn.tracing import is_leaf, place, trace
from bitlight.nn.unwrapping import check_readable, unwrap

EXACT = 1 << 53  # of float64
_OF_CHAINS = (nn.AvgPool2d, nn.AdaptiveAvgPool2d)
_MORE = (integers.OnGrid, integers.RSign, integers.SumPool2d, integers.Levels)
_NORMS = (integers.IntegerBatchNorm1d, integers.IntegerBatchNorm2d)


def reading_of(
    module: nn.Module, input_shape: Shape, input_bits: int, largest: float | None = None
) -> Reading:
    """Read any module that `bitlight.freeze` takes, as a chain or with its branches.

    Raises
    ------
    FreezingError, NetworkError
        As `freeze`.
    """
    check_readable(module)
    inner = unwrap(module)
    if _branches(inner, input_shape):
        return _Reader(inner, tuple(input_shape), input_bits).read()
    return reader.read(module, input_shape, input_bits, largest)


def _branches(module: nn.Module, input_shape: Shape) -> bool:
    """Whether a module is more than a chain of ±1: values that meet, levels, integers."""
    if any(_is_more(part) for part in module.modules()):
        return True
    if is_leaf(module):
        return False
    sizes: set[fx.Node] = set()
    constants: set[fx.Node] = set()
    values: set[fx.Node] = set()
    for node in trace(module, _example(module, input_shape)).nodes:
        if is_tensor_of_the_module(node, constants):
            constants.add(node)
        elif is_size(node, sizes):
            sizes.add(node)
        elif node.op != "output" and sum(taken in values for taken in node.all_input_nodes) > 1:
            return True
        else:
            values.add(node)
    return False


def _is_more(part: nn.Module) -> bool:
    if isinstance(part, Binary):
        return part.weight_bits > 1 or getattr(part, "levels", 1) > 1
    return isinstance(part, (*_MORE, *_OF_CHAINS))


def _example(module: nn.Module, input_shape: Shape) -> torch.Tensor:
    return torch.zeros((reader.TRACED, *as_torch_sees(input_shape)), device=_device(module))


def _device(module: nn.Module) -> torch.device:
    return next((tensor.device for tensor in module.parameters()), torch.device("cpu"))


class _Reader(Growing):
    """Goes through the calls from first to last; each finds what it takes among the edges."""

    def __init__(self, module: nn.Module, input_shape: Shape, input_bits: int) -> None:
        super().__init__(input_shape, input_bits)
        self.module, self.input_bits = module, input_bits
        self.graph = trace(module, _example(module, input_shape))
        self.edges: dict[fx.Node, Edge] = {}

    def read(self) -> Branching:
        sizes: set[fx.Node] = set()
        constants: set[fx.Node] = set()
        for node in self.graph.nodes:
            if node.op == "placeholder" and not self.edges:
                flat = len(self.values[INPUT].shape) == 1
                self.edges[node] = Edge(self.values[INPUT], INPUT, -1, flat=flat)
            elif is_tensor_of_the_module(node, constants):
                constants.add(node)
            elif is_size(node, sizes):
                sizes.add(node)
            elif node.op == "placeholder":
                raise FreezingError(f"forward takes another input, {node.target}")
            elif node.op == "output":
                self._output(node)
            else:
                self._call(node)
        return self.reading

    def _call(self, node: fx.Node) -> None:
        taken = [self.edges[value] for value in node.all_input_nodes if value in self.edges]
        if not taken:
            raise FreezingError(f"{place(node)} takes the value of no layer")
        several = joined(self.module, node)
        if several is not None:
            self._join(node, *several)
            return
        if len(taken) > 1:
            raise FreezingError(f"{place(node)}: no binary network can compute this of two values")
        pool = averaged(node)
        leaves = [Leaf(place(node), pool)] if pool else [*read_call(self.module, node)]
        self.edges[node] = taken[0]
        for leaf in leaves:
            if not leaf.is_idle:
                self.edges[node] = self._leaf(node, leaf, taken[0])

    def _join(self, node: fx.Node, module: nn.Module, nodes: list[Any]) -> None:
        leaf = Leaf(str(node.target) if node.op == "call_module" else place(node), module)
        if len(nodes) < 2 or not all(value in self.edges for value in nodes):
            raise leaf.refusal("must be given two layers' values or more, and nothing else")
        edges = [self.edges[value] for value in nodes]
        step = self.step(module, *edges)
        join = self._concat if isinstance(module, Cat) else self._add
        self.edges[node] = join(leaf, edges, step)

    def _leaf(self, node: fx.Node, leaf: Leaf, edge: Edge) -> Edge:
        for kinds, read_leaf in _READINGS.items():
            if isinstance(leaf.module, kinds):
                return read_leaf(self, node, leaf, edge)
        raise leaf.refusal("no binary network can compute this")

    # Binary layers, and the levels of what they give.

    def _binary(self, node: fx.Node, leaf: Leaf, edge: Edge) -> Edge:
        layer = leaf.module
        assert isinstance(layer, BinaryConv2d | BinaryLinear)
        check_floats(leaf)
        levels = self._levels_for(leaf, layer, edge)
        step = self.step(layer, edge)
        top = (1 << layer.weight_bits) - 1
        index = (layer.weights().detach().cpu().numpy().astype(np.int64) + top) // 2
        index = _as_network_has(leaf, index, edge)
        if top * levels.top * index[0].size >= INEXACT:
            raise leaf.refusal("its sums are too large to be exact in float32")
        if self.reading.first is None:
            self.reading.first = layer
        make, flat = _maker(layer), isinstance(layer, BinaryLinear)
        if layer.weight_bits > 1:
            names = self._planes(leaf, make, index, layer.weight_bits, edge)
            return self.edge(leaf.path, Add(), step, *names, flat=flat)
        if goes_to(self.module, node) != "levels":
            return self.edge(leaf.path, make(index > 0, None), step, edge.name, flat=flat)
        try:
            value = make(index > 0, None).gives(edge.value)
        except NetworkError as error:
            raise leaf.refusal(str(error)) from error
        return Edge(value, "", step, 0, flat, Sums(leaf, make, index > 0, edge.name))

    def _levels_for(self, leaf: Leaf, layer: Binary, edge: Edge) -> Levels:
        """The levels that come in, if they are those that the layer takes."""
        kind, bits = edge.value.kind, layer.input_bits
        if edge.pending or isinstance(kind, Integers):
            raise leaf.refusal("must be given levels or bits: put Sign, RSign or Levels before it")
        if edge.is_input:
            accepted = (None, 1) if self.input_bits == 1 else (self.input_bits,)
            if bits not in accepted:
                wanted = " or ".join(map(str, accepted))
                raise leaf.refusal(f"input_bits must be {wanted} here, not {bits}")
            if self.reading.first is not None and self.reading.signed != (bits is None):
                raise leaf.refusal("takes ±1 of the input, where another layer takes its bits")
            self.reading.signed = bits is None
        elif bits is not None:
            raise leaf.refusal(f"input_bits must be None here, not {bits}")
        elif isinstance(layer, BinaryConv2d) and layer.levels != kind.top:
            raise leaf.refusal(f"levels must be {kind.top} here, not {layer.levels}")
        return kind

    def _planes(
        self, leaf: Leaf, make: Callable[..., Any], index: np.ndarray, bits: int, edge: Edge
    ) -> list[str]:
        """The nodes whose sum is that of weights of several bits: 2^k · plane k."""
        names = []
        for plane in range(bits):
            layer = make((index >> plane) & 1 > 0, None)
            name = self.node(f"{leaf.path}_plane{plane}", layer, edge.name)
            names.append(self.times(name, 1 << plane) if plane else name)
        return names

    def _close(self, node: fx.Node, leaf: Leaf, edge: Edge) -> Edge:
        """Levels of sums or of integers: thresholds."""
        check_floats(leaf)
        if isinstance(edge.value.kind, Levels):
            raise leaf.refusal("takes levels already; it must stand behind sums or integers")
        step = self.step(leaf.module, edge)
        top = leaf.module.top if isinstance(leaf.module, integers.Levels) else 1
        ask = self._asking([*edge.pending, leaf], edge, top)
        layer: Any
        if edge.sums is not None:
            path, given = edge.sums.leaf.path, edge.sums.given
            layer = folded(edge.sums, edge.value, ask, top)
        else:
            path = leaf.path
            layer, flipped = compared(edge.value, ask, top)
            given = self.turned(path, edge.name, flipped) if flipped.any() else edge.name
        for pool in edge.pools:
            given, layer = self.node(path, layer, given), pool
        return self.edge(path, layer, step, given, flat=edge.flat)

    def _asking(self, leaves: Sequence[Leaf], edge: Edge, top: int) -> Ask:
        """The function from integers, one for each channel, to levels, with torch's own steps."""
        device, unit = _device(self.module), 2.0**-edge.fraction

        def values(steps: Sequence[Leaf], given: np.ndarray) -> torch.Tensor:
            # Contiguous, as what comes in is: torch rounds otherwise for strided tensors.
            x = (torch.from_numpy(given).double() * unit).float().reshape(1, *edge.channels)
            return run_steps([*steps], x.contiguous().to(device))

        kind = edge.value.integers
        for end in (kind.low, kind.high):
            found = values(leaves[:-1], np.full(edge.value.channels, end, np.int64))
            if found.dtype != torch.float32 or not found.isfinite().all():
                raise leaves[-1].refusal("what reaches it is not finite float32")

        def levels(given: np.ndarray) -> np.ndarray:
            found = values(leaves, given).flatten().cpu().numpy()
            return (found + top) / 2

        return levels

    def _flatten(self, node: fx.Node, leaf: Leaf, edge: Edge) -> Edge:
        assert isinstance(leaf.module, nn.Flatten)
        if (leaf.module.start_dim, leaf.module.end_dim) != (1, -1):
            raise leaf.refusal("must flatten all but the batch: start_dim=1, end_dim=-1")
        count = edge.value.size
        if leaf.features not in (None, count):
            raise leaf.refusal(f"makes rows of {leaf.features} values, but {edge.value} comes in")
        one = math.prod(edge.value.shape[:-1]) == 1
        if not one and (edge.pending or edge.sums or isinstance(edge.value.kind, Integers)):
            raise leaf.refusal("flattens sums; it must stand behind their Sign")
        return replace(edge, flat=True, step=self.step(leaf.module, edge))

    def _max_pool(self, node: fx.Node, leaf: Leaf, edge: Edge) -> Edge:
        pool = leaf.module
        assert isinstance(pool, nn.MaxPool2d)
        for name, wanted in ("padding", 0), ("dilation", 1), ("ceil_mode", False):
            if reader.pair(getattr(pool, name)) != reader.pair(wanted):
                raise leaf.refusal(f"{name} must be {wanted}, not {getattr(pool, name)}")
        if pool.return_indices:
            raise leaf.refusal("return_indices must be False")
        if edge.flat or edge.is_input:
            raise leaf.refusal("pools levels: it must stand behind a convolution")
        layer = MaxPool2d(reader.pair(pool.kernel_size), reader.pair(pool.stride))
        step = self.step(pool, edge)
        if isinstance(edge.value.kind, Levels):
            return self.edge(leaf.path, layer, step, edge.name)
        if goes_to(self.module, node) != "levels":
            raise leaf.refusal("pools integers: put it behind their Sign, RSign or Levels")
        return replace(edge, step=step, pools=(*edge.pools, layer))

    def _monotonic(self, node: fx.Node, leaf: Leaf, edge: Edge) -> Edge:
        """A step between sums or integers and their levels, or the output."""
        check_floats(leaf)
        if isinstance(edge.value.kind, Levels):
            raise leaf.refusal("does not stand behind a binary layer as it should")
        self._note_norm(leaf, edge)
        way = goes_to(self.module, node)
        if way == "integers":
            return self._exact_step(leaf, edge)
        step = self.step(leaf.module, edge)
        falling = falls(leaf, edge.channels).any()
        if edge.pools and falling:
            raise leaf.refusal("falls behind a MaxPool: put the MaxPool behind the Sign")
        return replace(edge, step=step, pending=(*edge.pending, leaf))

    def _note_norm(self, leaf: Leaf, edge: Edge) -> None:
        taken = self.reading.steps[edge.step].function if edge.step >= 0 else None
        if isinstance(leaf.module, nn.modules.batchnorm._BatchNorm):
            if leaf.module.running_mean is None:
                raise leaf.refusal("has no running statistics: track_running_stats must be True")
            if leaf.module.num_features != edge.value.channels:
                raise leaf.refusal(
                    f"has {leaf.module.num_features} features behind {edge.value.channels} outputs"
                )
            if taken is self.reading.first:
                self.reading.norm = leaf.module

    def _exact_step(self, leaf: Leaf, edge: Edge) -> Edge:
        """ReLU of integers is one of them; anything else would have to be rounded."""
        if type(leaf.module) is not nn.ReLU:
            raise leaf.refusal(
                "gives no integers, and its value goes on to a shortcut: IntegerBatchNorm2d, "
                "RPReLU and ReLU give some"
            )
        none = np.zeros(edge.value.channels, np.int64)
        step = self.step(leaf.module, edge)
        layer = PReLU(none, 0, none, none)
        return self.edge(leaf.path, layer, step, edge.name, fraction=edge.fraction, flat=edge.flat)

    # Modules that are integers.

    def _norm(self, node: fx.Node, leaf: Leaf, edge: Edge) -> Edge:
        norm = leaf.module
        assert isinstance(norm, _NORMS)
        check_floats(leaf)
        self._note_norm(leaf, edge)
        self._check_integers(leaf, edge, levels=True)
        multiplier, offset, shift = norm.folded()
        gain = multiplier.cpu().numpy().astype(np.int64)
        most = np.abs(gain) * max(-edge.value.kind.low, edge.value.kind.high)
        base = offset.cpu().numpy() * 2.0**edge.fraction
        if (most + np.abs(base) >= EXACT).any():
            raise leaf.refusal("its products are too large to be exact in float64")
        layer = Affine(gain, base.astype(np.int64), shift + edge.fraction, norm.low, norm.high)
        step = self.step(norm, edge)
        return self.edge(leaf.path, layer, step, edge.name, fraction=norm.fraction, flat=edge.flat)

    def _rectify(self, node: fx.Node, leaf: Leaf, edge: Edge) -> Edge:
        act = leaf.module
        assert isinstance(act, integers.RPReLU)
        check_floats(leaf)
        name = self._at(leaf, edge, act.fraction)
        before, slope, after = (part.cpu().numpy().astype(np.int64) for part in act.rounded())
        step = self.step(act, edge)
        layer = PReLU(slope, act.shift, before, after)
        return self.edge(leaf.path, layer, step, name, fraction=act.fraction, flat=edge.flat)

    def _add_up(self, node: fx.Node, leaf: Leaf, edge: Edge) -> Edge:
        """Sums over windows; a mean's divisor is a power of two, and goes into the fraction."""
        self._check_integers(leaf, edge, levels=True)
        if edge.flat:
            raise leaf.refusal("needs images (N, C, H, W), not a flat input")
        layer, halvings = _sum_pool(leaf, edge.value.shape)
        step = self.step(leaf.module, edge)
        flat = isinstance(leaf.module, Mean)
        return self.edge(
            leaf.path, layer, step, edge.name, fraction=edge.fraction + halvings, flat=flat
        )

    def _add(self, leaf: Leaf, edges: list[Edge], step: int) -> Edge:
        for edge in edges:
            self._check_integers(leaf, edge, levels=True)
        finest = max(edge.fraction for edge in edges)
        layer, fraction = Add(), finest
        if isinstance(leaf.module, integers.Add):
            layer, fraction = Add(leaf.module.low, leaf.module.high), leaf.module.fraction
        names = [self._at(leaf, edge, fraction) for edge in edges]
        kinds = [self.values[name].kind for name in names]
        if sum(max(-kind.low, kind.high) for kind in kinds) >= INEXACT:
            raise leaf.refusal("its sums are too large to be exact in float32")
        flat = all(edge.flat for edge in edges)
        return self.edge(leaf.path, layer, step, *names, fraction=fraction, flat=flat)

    def _concat(self, leaf: Leaf, edges: list[Edge], step: int) -> Edge:
        flat = all(edge.flat for edge in edges)
        if any(edge.is_input or edge.pending or edge.sums for edge in edges):
            raise leaf.refusal("must be given levels or integers")
        if flat and any(math.prod(edge.value.shape[:-1]) > 1 for edge in edges):
            raise leaf.refusal("joins flattened images: flatten behind it")
        names, fraction = [edge.name for edge in edges], 0
        if any(isinstance(edge.value.kind, Integers) for edge in edges):
            fraction = max(edge.fraction for edge in edges)
            names = [self._at(leaf, edge, fraction) for edge in edges]
        return self.edge(leaf.path, Concat(), step, *names, fraction=fraction, flat=flat)

    def _check_integers(self, leaf: Leaf, edge: Edge, *, levels: bool) -> None:
        if edge.is_input:
            raise leaf.refusal("must not be given the input itself, but what a layer gives")
        if edge.pending or edge.sums is not None or (edge.flat and edge.value.shape[:-1] not in (
            (), (1, 1)
        )):  # fmt: skip
            raise leaf.refusal("must be given integers: sums, IntegerBatchNorm2d, RPReLU, Add")
        if not levels and isinstance(edge.value.kind, Levels):
            raise leaf.refusal("must be given integers, not levels")

    def _at(self, leaf: Leaf, edge: Edge, fraction: int) -> str:
        """The node of an edge's integers on a grid that is as fine or finer."""
        self._check_integers(leaf, edge, levels=True)
        if edge.fraction > fraction:
            raise leaf.refusal(
                f"its grid has {fraction} bits after the point, and {edge.fraction} come in: put "
                "an IntegerBatchNorm2d between"
            )
        if edge.fraction == fraction and isinstance(edge.value.kind, Integers):
            return edge.name
        return self.times(edge.name, 1 << (fraction - edge.fraction))

    # The end.

    def _soften(self, node: fx.Node, leaf: Leaf, edge: Edge) -> Edge:
        assert isinstance(leaf.module, nn.Softmax | nn.LogSoftmax)
        if goes_to(self.module, node) != "output" or not edge.flat:
            raise leaf.refusal("must stand behind the scores, at the end")
        if leaf.module.dim not in (1, -1, None):
            raise leaf.refusal(f"must go over the classes, dim=1, not dim={leaf.module.dim}")
        warnings.warn(
            f"{leaf.name} is left out: it does not change which class is best", stacklevel=6
        )
        return replace(edge, step=self.step(leaf.module, edge))

    def _output(self, node: fx.Node) -> None:
        (given,) = node.args
        if not isinstance(given, fx.Node) or given not in self.edges:
            raise FreezingError("the output must be one tensor, not several or a container")
        edge = self.edges[given]
        if edge.is_input or edge.sums is not None:
            raise FreezingError("the output must be what a layer gives: levels or integers")
        if edge.name != list(self.reading.nodes)[-1]:
            raise FreezingError("the output must be what the last layer gives")
        steps = [leaf for leaf in edge.pending if not isinstance(leaf.module, Scale)]
        if not steps:  # a fixed factor for training is left out, as `Scale` says
            return
        if not edge.flat:
            raise steps[0].refusal("stands behind the last layer, and that gives no scores")
        scale = reader.scale_of([*edge.pending], edge.value.channels)
        self.reading.output_scale = OutputScale(
            scale.multiplier * 2.0**-edge.fraction, scale.offset
        )


def _maker(layer: BinaryConv2d | BinaryLinear) -> Callable[..., Conv2d | Linear]:
    if isinstance(layer, BinaryLinear):
        return Linear
    form = layer.stride, layer.padding, layer.pad_value
    return lambda weight, threshold: Conv2d(weight, threshold, *form)


def _as_network_has(leaf: Leaf, weight: np.ndarray, edge: Edge) -> np.ndarray:
    """Weights in the order (out, rows, columns, in), or columns in the order (h, w, c)."""
    if weight.ndim == 4:
        if edge.flat:
            raise leaf.refusal("needs images (N, C, H, W), not a flat input")
        return weight.transpose(0, 2, 3, 1)
    if not edge.flat:
        raise leaf.refusal(f"needs an nn.Flatten before it: its input is {edge.value.shape}")
    if weight.shape[1] != edge.value.size:
        raise leaf.refusal(f"has {weight.shape[1]} inputs, but {edge.value.shape} comes in")
    if len(edge.value.shape) == 1:
        return weight
    height, width, channels = edge.value.shape
    images = weight.reshape(-1, channels, height, width)
    return images.transpose(0, 2, 3, 1).reshape(len(weight), -1)


def _sum_pool(leaf: Leaf, shape: Shape) -> tuple[SumPool2d, int]:
    """The pool of a network, and by which power of two torch divides its sums."""
    pool = leaf.module
    if isinstance(pool, integers.SumPool2d):
        layer = SumPool2d(pool.kernel, pool.stride)  # type: ignore[arg-type]
        return layer, integers.halvings(math.prod(layer.window(shape)[0]))
    if isinstance(pool, nn.AvgPool2d):
        if reader.pair(pool.padding) != (0, 0) or pool.ceil_mode:
            raise leaf.refusal("must have no padding and ceil_mode=False")
        layer = SumPool2d(reader.pair(pool.kernel_size), reader.pair(pool.stride))
        count = pool.divisor_override or math.prod(layer.window(shape)[0])
    else:
        if isinstance(pool, nn.AdaptiveAvgPool2d) and reader.pair(pool.output_size) != (1, 1):  # type: ignore[arg-type]
            raise leaf.refusal("must pool all of the image, to 1")
        layer, count = SumPool2d("all"), math.prod(shape[:2])
    if count & (count - 1):
        raise leaf.refusal(
            f"divides by {count}, which leaves no integers: bitlight.nn.SumPool2d divides by a "
            "power of two"
        )
    return layer, count.bit_length() - 1


_READINGS: dict[Any, Callable[[_Reader, fx.Node, Leaf, Edge], Edge]] = {
    Binary: _Reader._binary,
    CLOSING: _Reader._close,
    _NORMS: _Reader._norm,
    integers.RPReLU: _Reader._rectify,
    (integers.SumPool2d, *_OF_CHAINS, Mean): _Reader._add_up,
    nn.Flatten: _Reader._flatten,
    nn.MaxPool2d: _Reader._max_pool,
    (nn.Softmax, nn.LogSoftmax): _Reader._soften,
    STEPS: _Reader._monotonic,
}
