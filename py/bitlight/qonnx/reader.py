"""QONNX to Network: the chain of nodes from the input to the output, read once."""

import math
import os

import numpy as np
import onnx

from bitlight.errors import ExchangeError, NetworkError
from bitlight.network.network import Network
from bitlight.network.values import MOST_VALUES
from bitlight.qonnx.chain import Chain, NotBinary
from bitlight.qonnx.constants import Constants, domain_of
from bitlight.qonnx.file import attributes, read_graph, refusal, shorten
from bitlight.qonnx.imported import Imported, Sums
from bitlight.qonnx.layout import Layout
from bitlight.qonnx.operations import READERS
from bitlight.qonnx.quantisers import annotated


def import_qonnx(path: str | os.PathLike[str], *, body: bool = False) -> Imported:
    """Read a bipolar network from a QONNX file, such as Brevitas writes with `export_qonnx`.

    The graph is a chain: a quantiser of the input; Conv, MatMul or Gemm with weights of ±1 times a
    scale; batch norm, or Add, Sub, Mul and Div with constants; BipolarQuant, or MultiThreshold with
    one threshold; MaxPool. It ends in bits, or in the sums of a last MatMul or Gemm, with or
    without such arithmetic. The network computes what PyTorch computes in eval mode, every bit of
    it, where scales are powers of two.

    Parameters
    ----------
    path : path of an .onnx file
        It is taken for untrusted: sizes are compared before memory is taken, nothing is executed.
    body : bool
        Whether to end before the first layer whose weights are not binary: the network then gives
        bits, and a head for them is yours to train.

    Returns
    -------
    Imported

    Raises
    ------
    ExchangeError
        If the file is not whole, or a node computes what no Network can; the message names it.

    Examples
    --------
    >>> import_qonnx("tfc.onnx").network.shapes                    # doctest: +SKIP
    ((28, 28, 1), (64,), (64,), (64,), (10,))
    """
    graph = read_graph(path)
    try:
        with np.errstate(all="ignore"):  # what overflows is infinite here as it is in torch
            return _imported(_read(graph, body))
    except ExchangeError as error:
        raise ExchangeError(f"{path}: {error}") from error


def _read(graph: onnx.GraphProto, body: bool = False) -> Chain:
    constants = Constants(graph)
    name, layout = _input(graph, constants)
    chain = Chain(constants, layout, annotated(graph, name))
    for node in graph.node:
        if name in node.input:
            try:
                name = _follow(chain, node, name)
            except NotBinary:
                if body and chain.layers and chain.pending is None:
                    return chain
                raise
        elif all(taken in constants for taken in node.input if taken):
            constants.fold(node)
        else:
            raise refusal(node, "does not take what the node before it gives: only chains are read")
    if graph.output[0].name != name:
        wanted = shorten(graph.output[0].name)
        raise ExchangeError(f"the chain ends in {shorten(name)}, not in the output {wanted}")
    return chain


def _input(graph: onnx.GraphProto, constants: Constants) -> tuple[str, Layout]:
    """The one input that is no constant."""
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ExchangeError(
            f"a network has one input and one output, not {len(inputs)} and {len(graph.output)}"
        )
    name, kind = inputs[0].name, inputs[0].type.tensor_type
    batch, *sizes = [dim.dim_value for dim in kind.shape.dim] or [0]
    if kind.elem_type != onnx.TensorProto.FLOAT or len(sizes) not in (1, 3):
        raise ExchangeError(f"input {shorten(name)} must be floats (N, C, H, W) or (N, n)")
    if min(sizes) < 1 or math.prod(sizes) > MOST_VALUES:
        raise ExchangeError(
            f"input {shorten(name)} must have fixed sizes behind the batch, of at most "
            f"{MOST_VALUES} values, not {sizes}"
        )
    batch = max(batch, 1)
    if len(sizes) == 1:
        return name, Layout((sizes[0],), "n", True, batch)
    if _is_channels_last(graph, name):
        return name, Layout(tuple(sizes), "hwc", False, batch)
    channels, height, width = sizes
    return name, Layout((height, width, channels), "chw", False, batch)


def _is_channels_last(graph: onnx.GraphProto, name: str) -> bool:
    """Whether the first thing that happens to the input is that its channels come first."""
    first = next((node for node in graph.node if name in node.input), None)
    if first is None or first.op_type != "Transpose":
        return False
    return list(attributes(first).get("perm", ())) == [0, 3, 1, 2]


def _follow(chain: Chain, node: onnx.NodeProto, name: str) -> str:
    """Read a node that takes the chain's last values; the name of what it gives."""
    for taken in node.input:
        if taken and taken != name and taken not in chain.constants:
            raise refusal(node, f"takes {shorten(taken)} as well: only chains are read")
    if list(node.input).count(name) > 1:
        raise refusal(node, "takes the same values twice: only chains are read")
    attributes(node)  # refused where one is a graph, whether it is read or not
    if len(node.output) != 1 or node.output[0] in chain.constants:
        raise refusal(node, "must give one output of its own")
    if chain.last is not None:
        raise refusal(node, f"stands behind {chain.last.op_type}, which must be the end")
    if (domain_of(node), node.op_type) == ("", "Shape"):
        chain.constants.arrays[node.output[0]] = np.array(chain.layout.graph_shape, np.int64)
        return name
    read = READERS.get((domain_of(node), node.op_type))
    if read is None:
        raise refusal(node, "no binary network can compute this")
    if chain.padding is not None and node.op_type != "Conv":
        raise refusal(chain.padding.node, "must stand before a Conv")
    read(chain, node)
    return node.output[0]


def _imported(chain: Chain) -> Imported:
    if chain.padding is not None:
        raise refusal(chain.padding.node, "must stand before a Conv")
    if chain.input is None:
        raise ExchangeError("the graph has no layer of ±1 weights behind a quantiser")
    output = chain.output()
    try:
        network = Network(
            chain.input_layout.shape,
            chain.input.code.bits,
            chain.layers,
            codes=chain.input.table(chain.input_layout.n_channels),
            output_scale=output.scale_of_scores() if isinstance(output, Sums) else None,
        )
    except NetworkError as error:
        raise ExchangeError(str(error)) from error
    return Imported(network, chain.input, output, tuple(chain.nodes), chain.layout)
