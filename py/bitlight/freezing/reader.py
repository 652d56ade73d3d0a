"""Reads a torch module layer by layer: what `freeze` makes of it, and where torch has its bits.

Between a layer's integer sums and their sign stand steps, each of which rises or falls in each
channel: batch norm, constants, activations, pools. A layer's threshold is found by a search over
its sums with these very steps. A pool of what rises is the OR of the bits behind it. What falls
behind a pool gives the bits turned over, and the next layer turns its weights for them.
"""

import copy
import math
import warnings
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from bitlight.errors import NetworkError
from bitlight.network.bisection import find_thresholds
from bitlight.network.layers import ChainLayer, Conv2d, Linear, MaxPool2d
from bitlight.network.surroundings import PIXELS, OutputScale
from bitlight.network.values import Shape
from bitlight.nn.chain import Call, Leaf, chain
from bitlight.nn.estimators import sign
from bitlight.nn.layers import BinaryConv2d, BinaryLinear, Scale, Sign
from bitlight.nn.modes import evaluating
from bitlight.nn.monotonic import NORMS, STEPS, falls
from bitlight.nn.unwrapping import check_readable, eager, unwrap

# Sums of this size and more are no longer exact in torch's float32.
INEXACT = 1 << 24
# As many images are traced: a number that hardly stands in anybody's code.
TRACED = 3
_AFFINE = ("add", "sub", "mul", "div", "neg", "batch_norm")


class Mark(NamedTuple):
    """A place where torch has the output of a layer of the network.

    Attributes
    ----------
    leaf : int
        Index of the leaf that gives it.
    layer : int
        Index of the layer.
    turned : bool array (channels,) or None
        Where torch's bit is the other one.
    """

    leaf: int
    layer: int
    turned: np.ndarray | None


@dataclass
class Reading:
    """What a module is: `layers` for a Network, `leaves` as torch calls them.

    Attributes
    ----------
    leaves : list of Leaf
        Without those that do nothing in eval mode.
    layers : list of ChainLayer
    marks : list of Mark
    first : Binary
        The first layer.
    norm : torch.nn.Module or None
        The batch norm right behind it.
    divisor : int
        By which the module takes codes divided: 2^b − 1 where it multiplies them itself.
    codes : uint8 array, shape (256,) or (C, 256), or None
        Of 8-bit pixels, where the module makes codes of them itself; it takes pixels / divisor.
    output_scale : OutputScale or None
        What the module does to its scores, but for a Scale alone.
    signed : bool
        Whether the module takes ±1 where the network takes bits.
    """

    leaves: list[Leaf]
    layers: list[ChainLayer]
    marks: list[Mark]
    first: BinaryConv2d | BinaryLinear | None = None
    norm: nn.Module | None = None
    divisor: int = 1
    signed: bool = False
    codes: np.ndarray | None = None
    output_scale: OutputScale | None = None

    def given(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes 0 … 2^b − 1, channels second, as float32 in the form that the module takes."""
        if self.codes is not None:
            codes = _a_pixel_of(codes, self.codes)
        codes = codes.float()
        if self.signed:
            return 2 * codes - 1
        return codes if self.divisor == 1 else codes / self.divisor


@dataclass
class _Pending:
    """A layer whose sums have not met their sign, and what stands on the way to it."""

    leaf: Leaf
    layer: BinaryConv2d | BinaryLinear
    weight: np.ndarray  # bool, as a Network has it
    reach: int
    last: Leaf
    index: int  # of the leaf
    steps: list[Leaf] = field(default_factory=list)
    pools: list[MaxPool2d] = field(default_factory=list)
    falling: Leaf | None = None  # the first step behind a pool that falls somewhere
    turned: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))


def read(
    module: nn.Module, input_shape: Shape, input_bits: int, largest: float | None = None
) -> Reading:
    """Read a module that `bitlight.freeze` takes, whose inputs go up to `largest`, if known.

    Raises
    ------
    FreezingError, NetworkError
        As `freeze`.
    """
    check_readable(module)
    return _Reader(unwrap(module), input_shape, input_bits, largest).read()


def as_torch_sees(shape: Shape) -> tuple[int, ...]:
    """(C, H, W) of (H, W, C)."""
    return (shape[2], *shape[:2]) if len(shape) == 3 else tuple(shape)


class _Reader:
    """Goes through the leaves from first to last and keeps track of what is between them."""

    def __init__(
        self, module: nn.Module, input_shape: Shape, input_bits: int, largest: float | None
    ) -> None:
        self.largest = largest
        self.device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))
        example = torch.zeros((TRACED, *as_torch_sees(input_shape)), device=self.device)
        leaves = [leaf for leaf in chain(module, example) if not leaf.is_idle]
        self.reading = Reading(leaves, [], [])
        self.input_shape = self.shape = tuple(input_shape)
        self.bits = input_bits  # of what the next layer sees
        self.flat = len(self.shape) == 1
        self.input_steps: list[Leaf] = []
        self.pending: _Pending | None = None
        self.turned: np.ndarray | None = None  # channels whose bits stand the other way round
        self.turning: Leaf | None = None
        self.ended: Leaf | None = None

    @property
    def first(self) -> bool:
        """Whether no layer has been read."""
        return self.reading.first is None

    def read(self) -> Reading:
        for index, leaf in enumerate(self.reading.leaves):
            self._leaf(index, leaf)
        if self.pending is not None:
            self._output(self.pending)
        if self.turned is not None:
            assert self.turning is not None
            raise self.turning.refusal(
                "falls behind a MaxPool, and no layer follows that could turn its bits over"
            )
        return self.reading

    def _leaf(self, index: int, leaf: Leaf) -> None:
        module, kind = leaf.module, type(leaf.module)
        if self.ended is not None:
            raise self.ended.refusal(f"must stand at the end, not before {leaf.name}")
        if kind is nn.Flatten:
            self._flatten(leaf)
        elif isinstance(module, nn.MaxPool2d) and kind is nn.MaxPool2d:
            self._pool(index, leaf, module)
        elif isinstance(module, BinaryConv2d | BinaryLinear) and kind in (
            BinaryConv2d,
            BinaryLinear,
        ):
            self._binary(index, leaf, module)
        elif kind is Sign and self.pending is not None:
            self._close(index, self.pending)
        elif kind in (nn.Softmax, nn.LogSoftmax):
            self._softmax(leaf)
        elif kind in STEPS or kind is Sign:
            self._step(leaf)
        else:
            raise leaf.refusal("no binary network can compute this")

    def _append(self, leaf: Leaf, layer: ChainLayer) -> None:
        self._reshape(leaf, layer)
        self.reading.layers.append(layer)
        self.bits = 1

    def _reshape(self, leaf: Leaf, layer: ChainLayer) -> None:
        try:
            self.shape = layer.output_shape(self.shape)
        except NetworkError as error:
            raise leaf.refusal(str(error)) from error
        self.flat = len(self.shape) == 1

    def _mark(self, leaf: int) -> None:
        self.reading.marks.append(Mark(leaf, len(self.reading.layers) - 1, self.turned))

    def _flatten(self, leaf: Leaf) -> None:
        assert isinstance(leaf.module, nn.Flatten)
        if (leaf.module.start_dim, leaf.module.end_dim) != (1, -1):
            raise leaf.refusal("must flatten all but the batch: start_dim=1, end_dim=-1")
        values = math.prod(self.shape)
        if leaf.features not in (None, values):
            raise leaf.refusal(f"makes rows of {leaf.features} values, but {self.shape} comes in")
        if self.pending is not None and not self.flat:
            raise leaf.refusal("flattens sums; it must stand behind their Sign")
        self.flat = True

    def _pool(self, index: int, leaf: Leaf, pool: nn.MaxPool2d) -> None:
        if (self.first and self.pending is None) or self.flat:
            raise leaf.refusal("pools bits: it must stand behind a convolution's Sign")
        for name, wanted in ("padding", 0), ("dilation", 1), ("ceil_mode", False):
            if pair(getattr(pool, name)) != pair(wanted):
                raise leaf.refusal(f"{name} must be {wanted}, not {getattr(pool, name)}")
        if pool.return_indices:
            raise leaf.refusal("return_indices must be False")
        layer = MaxPool2d(pair(pool.kernel_size), pair(pool.stride))
        falling = self.turning if self.pending is None else self.pending.falling
        if falling is not None:
            raise leaf.refusal(f"stands behind {falling.name}, which falls behind another MaxPool")
        if self.pending is None:
            self._append(leaf, layer)
            self._mark(index)
        else:
            self._reshape(leaf, layer)
            self.pending.pools.append(layer)
            self.pending.last = leaf

    def _binary(self, index: int, leaf: Leaf, layer: BinaryConv2d | BinaryLinear) -> None:
        if self.pending is not None:
            last = self.pending.last
            raise last.refusal(f"must be followed by Sign, not by {leaf.name}")
        self._check(leaf, layer)
        ones = (sign(layer.weight.detach()) > 0).cpu().numpy()
        weight = self._columns(leaf, ones) if ones.ndim == 2 else ones.transpose(0, 2, 3, 1)
        reach = ((1 << self.bits) - 1) * weight[0].size
        if reach >= INEXACT:
            raise leaf.refusal(f"its sums reach {reach}, too large to be exact in float32")
        if self.first:
            self.reading.first = layer
        self._reshape(leaf, self._layer(layer, weight, np.zeros(len(weight), np.int32)))
        weight = self._turned_over(leaf, layer, weight)
        none = np.zeros(len(weight), bool)
        self.pending = _Pending(leaf, layer, weight, reach, leaf, index, turned=none)

    def _layer(
        self, layer: BinaryConv2d | BinaryLinear, weight: np.ndarray, threshold: np.ndarray | None
    ) -> Conv2d | Linear:
        if isinstance(layer, BinaryLinear):
            return Linear(weight, threshold)
        assert threshold is not None
        return Conv2d(weight, threshold, layer.stride, layer.padding, layer.pad_value)

    def _turned_over(
        self, leaf: Leaf, layer: BinaryConv2d | BinaryLinear, weight: np.ndarray
    ) -> np.ndarray:
        """Weights for bits of which some stand the other way round."""
        if self.turned is None:
            return weight
        if isinstance(layer, BinaryConv2d) and any(layer.padding):
            assert self.turning is not None
            raise leaf.refusal(
                f"pads beside bits that {self.turning.name}, which falls behind a MaxPool, turns "
                "over: put the MaxPool behind the Sign"
            )
        by_channel = weight.reshape(*weight.shape[:-1], -1, len(self.turned))
        self.turning, turned, self.turned = None, self.turned, None
        return (by_channel ^ turned).reshape(weight.shape)

    def _check(self, leaf: Leaf, layer: BinaryConv2d | BinaryLinear) -> None:
        check_floats(leaf)
        bits = layer.input_bits
        if self.first and self.input_steps:
            self._check_input(leaf, bits)
        else:
            accepted = (None,) if not self.first else (None, 1) if self.bits == 1 else (self.bits,)
            if bits not in accepted:
                wanted = " or ".join(map(str, accepted))
                raise leaf.refusal(f"input_bits must be {wanted} here, not {bits}")
            self.reading.signed |= self.first and bits is None
        if isinstance(layer, BinaryConv2d) and self.flat:
            raise leaf.refusal("needs images (N, C, H, W), not a flat input")
        if isinstance(layer, BinaryLinear) and not self.flat:
            raise leaf.refusal(f"needs an nn.Flatten before it: its input is {self.shape}")

    def _columns(self, leaf: Leaf, weight: np.ndarray) -> np.ndarray:
        """Columns in the order (h, w, c) of a Network; torch flattens (c, h, w)."""
        if len(self.shape) == 1:
            return weight
        height, width, channels = self.shape
        if weight.shape[1] != height * width * channels:
            raise leaf.refusal(f"has {weight.shape[1]} inputs, but {self.shape} comes in")
        images = weight.reshape(-1, channels, height, width)
        return images.transpose(0, 2, 3, 1).reshape(len(weight), -1)

    def _step(self, leaf: Leaf) -> None:
        kind = type(leaf.module)
        check_floats(leaf)
        if self.pending is None:
            if not self.first or kind in NORMS:
                raise leaf.refusal("does not stand behind a binary layer as it should")
            self.input_steps.append(leaf)
            return
        pending = self.pending
        if kind in NORMS:
            self._check_norm(leaf, pending)
        where_falls = falls(leaf, self._channels(pending)).numpy()
        if pending.pools and where_falls.any():
            pending.turned = pending.turned ^ where_falls
            pending.falling = pending.falling or leaf
        pending.steps.append(leaf)
        pending.last = leaf

    def _channels(self, pending: _Pending) -> tuple[int, ...]:
        """Of one image's sums, but for rows and columns, as torch has them."""
        count = len(pending.weight)
        return (count,) if len(self.shape) == 1 else (count, 1, 1)

    def _check_norm(self, leaf: Leaf, pending: _Pending) -> None:
        norm, outputs = leaf.module, len(pending.weight)
        assert isinstance(norm, NORMS)
        wanted = nn.BatchNorm1d if len(self.shape) == 1 else nn.BatchNorm2d
        if type(norm) not in (wanted, nn.SyncBatchNorm):
            raise pending.last.refusal(f"must be followed by {wanted.__name__}, not by {leaf.name}")
        if norm.running_mean is None:
            raise leaf.refusal("has no running statistics: track_running_stats must be True")
        if norm.num_features != outputs:
            raise leaf.refusal(f"has {norm.num_features} features behind {outputs} outputs")
        # An infinite factor makes some sums NaN, whose sign torch leaves open.
        zeros = torch.zeros((1, *self._channels(pending)), device=norm.running_mean.device)
        if not run_steps([leaf], zeros).isfinite().all():
            raise leaf.refusal("weight / sqrt(running_var + eps) is too large for float32")
        if pending.layer is self.reading.first and not pending.steps:
            self.reading.norm = norm

    def _close(self, index: int, pending: _Pending) -> None:
        """The sign of pending sums: thresholds, and the pools on the way."""
        channels = self._channels(pending)
        device = pending.layer.weight.device

        def values(sums: torch.Tensor) -> torch.Tensor:
            # Contiguous, as the sums of a layer are: torch rounds otherwise for strided tensors.
            return run_steps(pending.steps, sums.float().reshape(1, *channels).contiguous())

        for end in (-pending.reach, pending.reach):
            found = values(torch.full((len(pending.weight),), end, device=device))
            if found.dtype != torch.float32 or not found.isfinite().all():
                raise pending.last.refusal("what reaches its sign is not finite float32")

        def bits(sums: np.ndarray) -> np.ndarray:
            found = sign(values(torch.from_numpy(sums).to(device))) > 0
            return found.flatten().cpu().numpy() ^ pending.turned

        threshold, flipped = find_thresholds(bits, pending.reach, len(pending.weight))
        weight = pending.weight ^ flipped.reshape(-1, *[1] * (pending.weight.ndim - 1))
        self.reading.layers += [self._layer(pending.layer, weight, threshold), *pending.pools]
        self.turned = pending.turned if pending.turned.any() else None
        self.turning = pending.falling if self.turned is not None else None
        self.pending, self.bits = None, 1
        self._mark(index)

    def _softmax(self, leaf: Leaf) -> None:
        assert isinstance(leaf.module, nn.Softmax | nn.LogSoftmax)
        if self.pending is None or not self.flat:
            raise leaf.refusal("must stand behind the scores of a last BinaryLinear")
        if leaf.module.dim not in (1, -1, None):
            raise leaf.refusal(f"must go over the classes, dim=1, not dim={leaf.module.dim}")
        self.ended = leaf

    def _output(self, pending: _Pending) -> None:
        """Sums that meet no sign are the scores of a last BinaryLinear."""
        last = pending.last
        if isinstance(pending.layer, BinaryConv2d) or pending.pools:
            raise last.refusal("must be followed by Sign, not by the end")
        # A fixed factor for training is left out, as `Scale` says.
        if not all(isinstance(leaf.module, Scale) for leaf in pending.steps):
            self.reading.output_scale = scale_of(pending.steps, len(pending.weight))
        self.reading.layers.append(self._layer(pending.layer, pending.weight, None))
        self._mark(pending.index)
        if self.ended is not None:
            warnings.warn(
                f"{self.ended.name} is left out: it does not change which class is best",
                stacklevel=4,
            )

    def _check_input(self, leaf: Leaf, bits: int | None) -> None:
        """What stands before the first layer must give the codes that the layer takes."""
        reading, top = self.reading, (1 << self.bits) - 1
        if (bits or 1) != self.bits:
            raise leaf.refusal(f"input_bits must be {self.bits} here, not {bits}")
        # Whether inputs may be 0 … 1, and whether integers.
        unit = self.largest is None or self.largest <= 1
        whole = self.largest is None or self.largest > 1 or top == 1
        tables = self._tables(top, bits)
        if unit and self._keeps_codes(top, bits):
            reading.divisor = PIXELS - 1 if PIXELS - 1 in tables else top
        elif whole and self._keeps_codes(1, bits):
            return
        else:
            last = self.input_steps[-1]
            if not tables:
                makes = self._of_inputs(1, 1, bits)[0][0, -1].item()
                kind = "±1" if bits is None else f"the integers 0 to {top}"
                raise last.refusal(
                    f"makes {makes:g} of the input 1, but {leaf.name} takes {kind}: train on "
                    "pixels as they are, or bring them back to these codes in the module"
                )
            if len(tables) > 1 and self.largest is None:
                raise last.refusal(
                    "makes codes of pixels 0…255 as well as of 0…1: give freeze a sample of the "
                    "inputs"
                )
            wanted = PIXELS - 1 if self.largest is not None and unit else 1
            reading.divisor = wanted if wanted in tables else next(iter(tables))
        table = tables.get(reading.divisor)
        if table is not None:
            reading.codes = table[0] if (table == table[0]).all() else table

    def _keeps_codes(self, divisor: int, bits: int | None) -> bool:
        """Whether inputs u / divisor reach the first layer as the codes u."""
        top = (1 << self.bits) - 1
        _, seen = self._of_inputs(top, divisor, bits)
        return torch.equal(seen, torch.arange(top + 1).expand(seen.shape).double())

    def _tables(self, top: int, bits: int | None) -> dict[int, np.ndarray]:
        """By divisor: codes of the pixels 0 … 255 / divisor, (C, 256), where they all are some."""
        tables = {}
        for divisor in (1, PIXELS - 1):
            _, seen = self._of_inputs(PIXELS - 1, divisor, bits)
            are_codes = (seen >= 0) & (seen <= top) & (seen == seen.round())
            if are_codes.all() and not (seen == seen[:, :1]).all():
                tables[divisor] = seen.to(torch.uint8).numpy()
        return tables

    def _of_inputs(
        self, top: int, divisor: int, bits: int | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the first layer takes for inputs 0 … top / divisor, and as codes: (C, top + 1)."""
        shape = (top + 1, *as_torch_sees(self.input_shape)[:1], *[1] * (len(self.input_shape) - 1))
        given = torch.arange(top + 1.0, device=self.device) / divisor
        given = given.reshape(-1, *[1] * (len(shape) - 1)).expand(shape).contiguous()
        try:
            found = run_steps(self.input_steps, given)
        except RuntimeError as error:
            raise self.input_steps[0].refusal(f"does not fit the input: {error}") from error
        values = found.reshape(top + 1, -1).T.double().cpu()
        return values, (values + 1) / 2 if bits is None else values


@torch.no_grad()
def run_steps(steps: list[Leaf], x: torch.Tensor) -> torch.Tensor:
    """What torch makes of x in eval mode, step by step."""
    for leaf in steps:
        with evaluating(leaf.module), eager():
            x = leaf.module(x)
    return x


def scale_of(steps: list[Leaf], classes: int) -> OutputScale:
    """Factor and offset of each class, calculated in float64."""
    steps = [leaf._replace(module=_in_float64(leaf)) for leaf in steps]
    zero, one = (
        run_steps(steps, torch.full((1, classes), x, dtype=torch.float64)) for x in (0.0, 1.0)
    )
    return OutputScale((one - zero)[0].cpu().numpy(), zero[0].cpu().numpy())


def _in_float64(leaf: Leaf) -> nn.Module:
    step = leaf.module
    if isinstance(step, Call) and step.operation in _AFFINE:
        return step.in_float64()
    if isinstance(step, (Scale, *NORMS)):
        return copy.deepcopy(step).double()
    raise leaf.refusal("stands behind the last layer, and is no factor and offset for each class")


def _a_pixel_of(codes: torch.Tensor, table: np.ndarray) -> torch.Tensor:
    """For each code some pixel that has it; channels stand second."""
    rows = np.atleast_2d(table)
    size = int(table.max()) + 1
    pixel = np.zeros((len(rows), size), np.int64)
    for channel, row in enumerate(rows):
        pixel[channel, row[::-1]] = np.arange(len(row))[::-1]
    given = torch.from_numpy(pixel)
    channels = torch.arange(len(rows)).reshape(-1, *[1] * (codes.ndim - 2))
    return given[channels.expand(codes.shape), codes.long()]


def check_floats(leaf: Leaf) -> None:
    """Raise FreezingError unless all floats of a leaf are float32 and finite."""
    for name, value in leaf.module.state_dict().items():
        if value.is_floating_point() and value.dtype != torch.float32:
            raise leaf.refusal(f"{name} must be float32, not {value.dtype}")
        if not value.isfinite().all():
            raise leaf.refusal(f"{name} has values that are not finite")


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """(rows, columns) of a number that stands for both, or of two."""
    rows, columns = (value, value) if isinstance(value, int) else value
    return rows, columns
