"""One function for each operation of a chain: what a node says, and what it must not say."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from bitlight.errors import NetworkError
from bitlight.network.layers import Conv2d, Linear, MaxPool2d, SumPool2d
from bitlight.qonnx import quantisers
from bitlight.qonnx.chain import Chain, NotBinary, Padding, Waiting
from bitlight.qonnx.constants import DOMAIN
from bitlight.qonnx.file import attributes, refusal
from bitlight.qonnx.imported import Code, Sums
from bitlight.qonnx.joins import average, scale_each
from bitlight.qonnx.planes import MOST_WEIGHT, Planes, split
from bitlight.qonnx.steps import arithmetic, clipping, leaking, normalisation


def _arithmetic(chain: Chain, node: onnx.NodeProto) -> None:
    first = node.input[0] in chain.constants
    step = arithmetic(node.op_type, chain.channels(node, 0 if first else 1), first)
    if step is None:
        raise refusal(node, "divides by what it takes, or by 0")
    chain.step(node, step)


def _batch_norm(chain: Chain, node: onnx.NodeProto) -> None:
    attribute = attributes(node)
    if attribute.get("training_mode", 0):
        raise refusal(node, "must be in eval mode")
    channels = chain.layout.n_channels
    constants = [chain.constant(node, index) for index in range(1, 5)]
    if any(constant.shape != (channels,) for constant in constants):
        raise refusal(node, f"must have {channels} channels")
    gain, bias, mean, variance = (constant.astype(np.float32) for constant in constants)
    epsilon = attribute.get("epsilon", 1e-5)
    if not (variance + epsilon > 0).all():
        raise refusal(node, "has a variance that is not positive")
    chain.step(node, normalisation(gain, bias, mean, variance, epsilon))


def _clip(chain: Chain, node: onnx.NodeProto) -> None:
    attribute = attributes(node)
    limits = [attribute.get("min", -np.inf), attribute.get("max", np.inf)]
    for index in (1, 2):
        if len(node.input) > index and node.input[index]:
            limits[index - 1] = float(chain.constant(node, index).reshape(-1)[0])
    if not limits[0] <= limits[1]:
        raise refusal(node, f"clips to nothing: {limits[0]:g} to {limits[1]:g}")
    chain.step(node, clipping(*limits))


def _relu(chain: Chain, node: onnx.NodeProto) -> None:
    chain.step(node, clipping(0.0, np.inf))


def _leaky_relu(chain: Chain, node: onnx.NodeProto) -> None:
    _leak(chain, node, np.array([attributes(node).get("alpha", 0.01)], np.float32))


def _prelu(chain: Chain, node: onnx.NodeProto) -> None:
    _leak(chain, node, chain.channels(node, 1))


def _leak(chain: Chain, node: onnx.NodeProto, slope: np.ndarray) -> None:
    step = leaking(slope)
    if step is None:
        raise refusal(node, f"falls below 0, its slope being {slope.min():g}: no threshold does so")
    chain.step(node, step)


def _best(chain: Chain, node: onnx.NodeProto) -> None:
    """Softmax and ArgMax: they say which score is best, which a Network leaves to its user."""
    chain.end(node)


def _bipolar_quant(chain: Chain, node: onnx.NodeProto) -> None:
    chain.quantise(node, quantisers.bipolar(node, chain.constant(node, 1)))


def _quant(chain: Chain, node: onnx.NodeProto) -> None:
    scale, zero, bits = (chain.constant(node, index) for index in (1, 2, 3))
    if zero.size != 1 or bits.size != 1:
        raise refusal(node, "must have one zero point and one number of bits")
    each = chain.layout.channels(scale)
    if each is None or (each.size > 1 and chain.pending is None):
        raise refusal(node, "its scale must be one positive number, or one of each channel of sums")
    each = each[:1] if (each == each[0]).all() else each
    chain.quantise(node, quantisers.integer(node, attributes(node), each, zero.item(), bits.item()))
    if each.size > 1:
        scale_each(chain, node, each)


def _multi_threshold(chain: Chain, node: onnx.NodeProto) -> None:
    attribute = attributes(node)
    if attribute.get("data_layout", b"NCHW") not in (b"", b"NC", b"NCHW"):
        raise refusal(node, "data_layout must be NCHW or NC")
    steps, channels = chain.constant(node, 1), chain.layout.n_channels
    chain.quantise(node, quantisers.threshold(node, attribute, steps, channels))


def _conv(chain: Chain, node: onnx.NodeProto) -> None:
    attribute = attributes(node)
    weight = chain.constant(node, 1)
    code = chain.codes(node)
    if weight.ndim != 4 or not chain.layout.image:
        raise refusal(node, "must be a convolution of images (N, C, H, W)")
    for name, wanted in ("group", 1), ("dilations", [1, 1]):
        if attribute.get(name, wanted) != wanted:
            raise refusal(node, f"{name} must be {wanted}, not {attribute[name]}")
    planes = _planes(chain, node, weight)
    padding = _padding(chain, node, attribute)
    chain.padding = None
    pad_value = code.code_of(padding.value) if any(padding.size) else code.top
    if pad_value is None:
        raise refusal(
            padding.node, f"pads with {padding.value:g}, which is no value of the layer's input"
        )
    try:
        layers = [
            Conv2d(
                plane.transpose(0, 2, 3, 1),
                None,
                attribute.get("strides", (1, 1)),
                padding.size,
                pad_value,
            )
            for plane in planes.planes
        ]
    except NetworkError as error:
        raise refusal(node, str(error)) from error
    chain.sum(node, Waiting(layers, planes.factors), _sums(code, planes))
    _bias(chain, node)


def _padding(chain: Chain, node: onnx.NodeProto, attribute: dict[str, Any]) -> Padding:
    """Of a Pad node, or of the Conv itself, which pads with 0."""
    if attribute.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise refusal(node, "auto_pad must be NOTSET: say the pads")
    pads = list(attribute.get("pads", (0, 0, 0, 0)))
    if len(pads) != 4 or pads[:2] != pads[2:]:
        raise refusal(node, f"must pad both sides alike, not {pads}")
    if chain.padding is None:
        return Padding(node, (pads[0], pads[1]), 0.0)
    if any(pads):
        raise refusal(node, "pads what a Pad node has padded")
    return chain.padding


def _pad(chain: Chain, node: onnx.NodeProto) -> None:
    chain.codes(node)
    pads = chain.constant(node, 1).reshape(-1).tolist()
    value = chain.constant(node, 2) if len(node.input) > 2 else np.zeros(1)
    if attributes(node).get("mode", b"constant") != b"constant" or value.size != 1:
        raise refusal(node, "must pad with one constant")
    if not chain.layout.image or len(node.input) > 3 or len(pads) != 8 or pads[:4] != pads[4:]:
        raise refusal(node, "must pad images (N, C, H, W), both sides alike")
    if any(pads[:2]) or min(pads) < 0:
        raise refusal(node, f"must pad rows and columns alone, not {pads[:4]}")
    chain.padding = Padding(node, (pads[2], pads[3]), float(value.item()))


def _matmul(chain: Chain, node: onnx.NodeProto) -> None:
    if node.input[0] in chain.constants:
        raise refusal(node, "must have its weights on the right")
    _linear(chain, node, chain.constant(node, 1).T)


def _gemm(chain: Chain, node: onnx.NodeProto) -> None:
    attribute = attributes(node)
    if node.input[0] in chain.constants or attribute.get("transA", 0):
        raise refusal(node, "must have its weights on the right, and its input not transposed")
    for name in ("alpha", "beta"):
        if attribute.get(name, 1.0) != 1.0:
            raise refusal(node, f"{name} must be 1, not {attribute[name]:g}")
    weight = chain.constant(node, 1)
    _linear(chain, node, weight if attribute.get("transB", 0) else weight.T)
    _bias(chain, node)


def _linear(chain: Chain, node: onnx.NodeProto, weight: np.ndarray) -> None:
    code = chain.codes(node)
    if weight.ndim != 2 or not chain.layout.flat:
        raise refusal(node, f"must multiply flat values, not {chain.layout.graph_shape}")
    columns = chain.layout.columns()
    if weight.shape[1] != len(columns):
        raise refusal(node, f"has {weight.shape[1]} inputs, but {len(columns)} values come in")
    planes = _planes(chain, node, weight)
    layers = [Linear(plane[:, columns], None) for plane in planes.planes]
    chain.sum(node, Waiting(layers, planes.factors), _sums(code, planes))


def _sums(code: Code, planes: Planes) -> Sums:
    return Sums(code, planes.weight_sum, planes.scale, (), planes.times)


def _planes(chain: Chain, node: onnx.NodeProto, weight: np.ndarray) -> Planes:
    """Weights of ±s as bool, and s for each output; those of a few bits as several of them."""
    if 0 in weight.shape:
        raise refusal(node, f"has weights of shape {weight.shape}")
    planes = split(weight)
    if planes is None or (len(planes.planes) > 1 and not chain.planes):
        rows = np.abs(weight.reshape(len(weight), -1))
        bits = chain.constants.widths.get(node.input[1])
        sizes = np.unique(rows[0]).size
        found = f"{bits} bits" if bits else f"{sizes} sizes" if sizes > 1 else "the size 0"
        raise NotBinary(
            node,
            "its weights must be ±s, with one s > 0 for each output, or whole multiples of it up "
            f"to {MOST_WEIGHT}; they have {found}",
        )
    return planes


def _bias(chain: Chain, node: onnx.NodeProto) -> None:
    if len(node.input) > 2 and node.input[2]:
        bias = chain.constant(node, 2).reshape(-1).astype(np.float32)
        if bias.size != chain.layout.n_channels:
            raise refusal(node, "must have one bias for each output")
        step = arithmetic("Add", bias, False)
        assert step is not None
        chain.step(node, step)


def _max_pool(chain: Chain, node: onnx.NodeProto) -> None:
    kernel, stride = _window(chain, node)
    try:
        pool = MaxPool2d(kernel, stride)
    except NetworkError as error:
        raise refusal(node, str(error)) from error
    chain.pool(node, pool)


def _average_pool(chain: Chain, node: onnx.NodeProto) -> None:
    kernel, stride = _window(chain, node)
    try:
        pool = SumPool2d(kernel, stride)
        pool.output_shape(chain.layout.shape)
    except NetworkError as error:
        raise refusal(node, str(error)) from error
    average(chain, node, pool)


def _global_average_pool(chain: Chain, node: onnx.NodeProto) -> None:
    average(chain, node, SumPool2d("all"))


def _mean(chain: Chain, node: onnx.NodeProto) -> None:
    attribute = attributes(node)
    axes = list(attribute.get("axes", ()))
    if len(node.input) > 1 and node.input[1]:
        axes = chain.constant(node, 1).reshape(-1).tolist()
    if not chain.layout.image or sorted(int(axis) % 4 for axis in axes) != [2, 3]:
        raise refusal(node, "must be the mean over rows and columns, axes 2 and 3")
    average(chain, node, SumPool2d("all"))
    if not attribute.get("keepdims", 1):
        _to_flat(chain, node)


def _window(chain: Chain, node: onnx.NodeProto) -> tuple[Any, Any]:
    """Kernel and stride of a pool that leaves no more to say."""
    attribute = attributes(node)
    if not chain.layout.image:
        raise refusal(node, "must pool images (N, C, H, W)")
    for name, wanted in ("ceil_mode", 0), ("pads", [0] * 4), ("dilations", [1, 1]):
        if attribute.get(name, wanted) != wanted:
            raise refusal(node, f"{name} must be {wanted}, not {attribute[name]}")
    if attribute.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise refusal(node, "auto_pad must be NOTSET")
    return attribute.get("kernel_shape", ()), attribute.get("strides", (1, 1))


def _transpose(chain: Chain, node: onnx.NodeProto) -> None:
    layout = chain.layout.transposed(attributes(node).get("perm"))
    if layout is None:
        raise refusal(node, "must put the channels first or last")
    chain.layout = layout


def _flatten(chain: Chain, node: onnx.NodeProto) -> None:
    if attributes(node).get("axis", 1) != 1:
        raise refusal(node, "must flatten all but the batch: axis 1")
    _to_flat(chain, node)


def _reshape(chain: Chain, node: onnx.NodeProto) -> None:
    batch, size = chain.layout.flattened().graph_shape
    target = chain.constant(node, 1).tolist()
    allowed = ([batch, size], [batch, -1], [-1, size], [0, size], [0, -1])
    if target not in allowed:
        raise refusal(node, f"must flatten all but the batch, not give the shape {target}")
    _to_flat(chain, node)


def _to_flat(chain: Chain, node: onnx.NodeProto) -> None:
    if chain.pending is not None and not chain.layout.flat:
        if chain.layout.shape[:-1] != (1, 1) or chain.pending.pools:
            raise refusal(node, "flattens sums; it must stand behind their quantiser")
        chain.lay_out(node, chain.layout.shape[-1:])
        return
    chain.layout = chain.layout.flattened()


def _nothing(chain: Chain, node: onnx.NodeProto) -> None:
    """Identity, and Dropout as it is when nothing is trained."""


READERS: dict[tuple[str, str], Callable[[Chain, onnx.NodeProto], None]] = {
    **dict.fromkeys([("", name) for name in ("Add", "Sub", "Mul", "Div")], _arithmetic),
    ("", "ArgMax"): _best,
    ("", "AveragePool"): _average_pool,
    ("", "BatchNormalization"): _batch_norm,
    ("", "Clip"): _clip,
    ("", "Conv"): _conv,
    ("", "Dropout"): _nothing,
    ("", "Flatten"): _flatten,
    ("", "Gemm"): _gemm,
    ("", "GlobalAveragePool"): _global_average_pool,
    ("", "Identity"): _nothing,
    ("", "LeakyRelu"): _leaky_relu,
    ("", "LogSoftmax"): _best,
    ("", "MatMul"): _matmul,
    ("", "MaxPool"): _max_pool,
    ("", "PRelu"): _prelu,
    ("", "Pad"): _pad,
    ("", "ReduceMean"): _mean,
    ("", "Relu"): _relu,
    ("", "Reshape"): _reshape,
    ("", "Softmax"): _best,
    ("", "TopK"): _best,
    ("", "Transpose"): _transpose,
    (DOMAIN, "BipolarQuant"): _bipolar_quant,
    (DOMAIN, "MultiThreshold"): _multi_threshold,
    (DOMAIN, "Quant"): _quant,
}
