"""The same network by other means, for comparisons of speed: torch in float32 and int8, bnn-lab.

Engines of a whole network give what `Network.forward` gives. Those of products alone do the matrix
product of each layer, on operands of the right shapes, and nothing else: the least that any engine
of that kind must do.
"""

import importlib.util
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from bitlight.network.golden.plain import signed
from bitlight.network.layers import Conv2d, Linear, MaxPool2d
from bitlight.network.network import Network
from bitlight_lab.benchmarks.torchgraph import torch_graph

Engine = Callable[[np.ndarray], np.ndarray | None]
Step = Callable[[torch.Tensor], torch.Tensor]


def engines(net: Network, threads: int) -> Iterator[tuple[str, Engine]]:
    """Names and engines that are installed, the packed one first; all use so many threads."""
    import numba

    numba.set_num_threads(threads)
    torch.set_num_threads(threads)
    yield "packed", net.forward
    if not net.is_binary_chain:
        yield "torch float32", torch_graph(net, torch.contiguous_format)
        yield "torch float32, channels last", torch_graph(net, torch.channels_last)
        yield "plain", lambda x: net.forward(x, engine="plain")
        return
    yield "torch float32", torch_float(net, torch.contiguous_format)
    if len(net.input_shape) == 3:
        yield "torch float32, channels last", torch_float(net, torch.channels_last)
    yield "torch int8", torch_int8(net)
    yield "torch int8, products alone", torch_products(net)
    if importlib.util.find_spec("bnn") is not None:
        yield "bnn-lab, products alone", bnn_lab_products(net, threads)
    yield "plain", lambda x: net.forward(x, engine="plain")


@dataclass(frozen=True)
class Product:
    """The matrix product that a layer is: (rows of an image, K) × (K, outputs)."""

    rows: int
    k: int
    outputs: int


def products(net: Network) -> list[Product]:
    """The product of each Conv2d and Linear."""
    return [
        Product(math.prod(node.value.shape[:-1]), node.layer.fan_in, len(node.layer.weight))
        for node in net.nodes
        if isinstance(node.layer, Conv2d | Linear)
    ]


def torch_float(net: Network, layout: torch.memory_format) -> Engine:
    """Convolutions and products of ±1 in float32, by torch's own functions, NCHW."""
    steps = [_float_step(net, index, layout) for index in range(len(net.chain))]

    @torch.inference_mode()
    def run(x: np.ndarray) -> np.ndarray:
        y = torch.from_numpy(x).float().mul_(2).sub_((1 << net.input_bits) - 1)
        if y.ndim == 4:
            y = y.permute(0, 3, 1, 2).contiguous(memory_format=layout)
        for step in steps:
            y = step(y)
        return _features(net, y)

    return run


def _float_step(net: Network, index: int, layout: torch.memory_format) -> Step:
    layer = net.chain[index]
    if isinstance(layer, MaxPool2d):
        return _pool(layer)
    weight = torch.from_numpy(signed(layer.weight)).float()
    if layer.threshold is None:
        return lambda y: functional.linear(_flat(y), weight)
    # Half a unit beside the threshold nothing is zero, so that a sign is the comparison.
    bias = torch.from_numpy(0.5 - layer.threshold).float()
    if isinstance(layer, Linear):
        return lambda y: functional.linear(_flat(y), weight, bias).sign_()
    stride = layer.stride
    border = _border(layer)
    pad = float(signed(np.array(layer.pad_value), net.takes(index).levels))
    kernel = weight.permute(0, 3, 1, 2).contiguous(memory_format=layout)

    def convolve(y: torch.Tensor) -> torch.Tensor:
        y = functional.pad(y, border, value=pad) if any(border) else y
        return functional.conv2d(y, kernel, bias, stride=stride).sign_()

    return convolve


def torch_int8(net: Network) -> Engine:
    """Windows laid out as rows, and products of int8 into int32, NHWC; pixels as x − 2^(b−1)."""
    steps = [_int8_step(net, index) for index in range(len(net.chain))]
    half = 1 << (net.input_bits - 1)

    @torch.inference_mode()
    def run(x: np.ndarray) -> np.ndarray:
        y = torch.from_numpy(x)
        y = 2 * y.to(torch.int8) - 1 if net.input_bits == 1 else (y.int() - half).to(torch.int8)
        y = y.permute(0, 3, 1, 2) if y.ndim == 4 else y
        for step in steps:
            y = step(y)
        return _features(net, y)

    return run


def _int8_step(net: Network, index: int) -> Step:
    layer = net.chain[index]
    if isinstance(layer, MaxPool2d):
        return _pool(layer)
    rows = torch.from_numpy(signed(layer.weight).astype(np.int8)).reshape(len(layer.weight), -1)
    # Not `contiguous`: it leaves the strides of a single row, and _int_mm misreads them.
    weight = rows.t().clone(memory_format=torch.contiguous_format)
    if layer.threshold is None:
        return lambda y: torch._int_mm(_flat(y).contiguous(), weight)
    depth = net.depth(index)
    limit = layer.threshold.astype(np.int64)
    if depth > 1:  # Σ w·(2x − 2^b + 1) = 2·Σ w·(x − 2^(b−1)) + Σ w
        limit = -((rows.sum(dim=1).numpy() - limit) // 2)
    least = torch.from_numpy(limit).int()

    def multiply(x: torch.Tensor) -> torch.Tensor:
        return (torch._int_mm(x, weight) >= least).to(torch.int8).mul_(2).sub_(1)

    if isinstance(layer, Linear):
        return lambda y: multiply(_flat(y).contiguous())
    (tall, wide), (down, across) = layer.kernel, layer.stride
    border = _border(layer)
    pad = 2 * layer.pad_value - 1 if depth == 1 else layer.pad_value - (1 << (depth - 1))

    def convolve(y: torch.Tensor) -> torch.Tensor:
        y = functional.pad(y, border, value=pad) if any(border) else y
        windows = y.unfold(2, tall, down).unfold(3, wide, across).permute(0, 2, 3, 4, 5, 1)
        n, height, width = windows.shape[:3]
        return (
            multiply(windows.reshape(n * height * width, -1))
            .view(n, height, width, -1)
            .permute(0, 3, 1, 2)
        )

    return convolve


def _border(layer: Conv2d) -> tuple[int, int, int, int]:
    rows, columns = layer.padding
    return columns, columns, rows, rows


def _pool(layer: MaxPool2d) -> Step:
    kernel, stride = layer.kernel, layer.stride

    def pool(y: torch.Tensor) -> torch.Tensor:
        if y.dtype == torch.float32:
            return functional.max_pool2d(y, kernel, stride)
        assert stride is not None
        return y.unfold(2, kernel[0], stride[0]).unfold(3, kernel[1], stride[1]).amax(dim=(-2, -1))

    return pool


def _flat(y: torch.Tensor) -> torch.Tensor:
    """NCHW to vectors in NHWC order."""
    return y.permute(0, 2, 3, 1).reshape(len(y), -1) if y.ndim == 4 else y


def _features(net: Network, y: torch.Tensor) -> np.ndarray:
    found = _flat(y).numpy()
    return found.astype(np.int32) if net.gives_scores else (found > 0).astype(np.uint8)


def torch_products(net: Network) -> Engine:
    """torch's int8 products alone."""
    shapes = products(net)
    weights = [torch.ones((shape.k, shape.outputs), dtype=torch.int8) for shape in shapes]
    rows: dict[int, list[torch.Tensor]] = {}

    @torch.inference_mode()
    def run(x: np.ndarray) -> None:
        if len(x) not in rows:
            rows[len(x)] = [
                torch.ones((len(x) * shape.rows, shape.k), dtype=torch.int8) for shape in shapes
            ]
        for left, right in zip(rows[len(x)], weights, strict=True):
            torch._int_mm(left, right)

    return run


def bnn_lab_products(net: Network, threads: int) -> Engine:
    """bnn-lab's XNOR-popcount products alone, on packed words; a pixel counts as one bit."""
    from bnn import kernels

    kernels.set_num_threads(threads)
    shapes = products(net)
    rng = np.random.default_rng(0)

    def words(rows: int, k: int) -> np.ndarray:
        return kernels.pack_binary_pm1(rng.choice(np.array([-1, 1], np.float32), (rows, k)))[0]

    weights = [words(shape.outputs, shape.k) for shape in shapes]
    inputs: dict[int, list[np.ndarray]] = {}

    def run(x: np.ndarray) -> None:
        if len(x) not in inputs:
            inputs[len(x)] = [words(len(x) * shape.rows, shape.k) for shape in shapes]
        for left, right, shape in zip(inputs[len(x)], weights, shapes, strict=True):
            kernels.binary_gemm_native_prepacked(left, right, shape.k)

    return run
