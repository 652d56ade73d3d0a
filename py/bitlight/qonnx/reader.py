"""QONNX to Network: the nodes from the input to the output, each read once."""

import math
import os
from collections import Counter

import numpy as np
import onnx

from bitlight.errors import ExchangeError, NetworkError
from bitlight.network.graph import INPUT
from bitlight.network.values import MOST_VALUES
from bitlight.qonnx.building import Building
from bitlight.qonnx.chain import Chain, NotBinary
from bitlight.qonnx.constants import Constants, domain_of
from bitlight.qonnx.file import attributes, read_graph, refusal, shorten
from bitlight.qonnx.imported import Imported, Sums
from bitlight.qonnx.joins import JOINS
from bitlight.qonnx.layout import Layout
from bitlight.qonnx.operations import READERS
from bitlight.qonnx.quantisers import annotated


def import_qonnx(path: str | os.PathLike[str], *, body: bool = False) -> Imported:
    """Read a network of a few bits from a QONNX file, such as Brevitas writes with `export_qonnx`.

    A quantiser of the input; Conv, MatMul or Gemm with weights of ±1 times a scale, or small whole
    multiples of it; batch norm, or Add, Sub, Mul and Div with constants; BipolarQuant, Quant or
    MultiThreshold; MaxPool, AveragePool; branches that meet in Add or Concat. It ends in levels, or
    in the sums of a last MatMul or Gemm, with or without such arithmetic. The network computes what
    PyTorch computes in eval mode, every bit of it, where scales are powers of two.

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
            return _imported(_read(graph, body), graph.output[0].name)
    except ExchangeError as error:
        raise ExchangeError(f"{path}: {error}") from error


def _read(graph: onnx.GraphProto, body: bool = False) -> Chain:
    constants = Constants(graph)
    name, layout = _input(graph, constants)
    building = Building()
    # Of a body the head is what has other weights than ±s first, be they of a few bits.
    chains = {name: Chain(building, constants, layout, annotated(graph, name), not body)}
    wanted = graph.output[0].name
    uses = Counter(
        taken for node in graph.node if node.op_type != "Shape" for taken in node.input
    ) + Counter([wanted])
    for node in graph.node:
        taken = [name for name in dict.fromkeys(node.input) if name in chains]
        if taken:
            try:
                chain = _follow(chains, node, taken)
            except NotBinary:
                before = chains[taken[0]]
                if body and before.source != INPUT and before.pending is None:
                    return before
                raise
            if chain is not None:
                if uses[node.output[0]] > 1:
                    chain.settle()
                chains[node.output[0]] = chain
        elif all(taken in constants for taken in node.input if taken):
            constants.fold(node)
        else:
            unknown = next(name for name in node.input if name and name not in constants)
            raise refusal(node, f"takes {shorten(unknown)}, which no node before it gives")
    if wanted not in chains:
        raise ExchangeError(f"the output {shorten(wanted)} is not what the input becomes")
    return chains[wanted]


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


def _follow(chains: dict[str, Chain], node: onnx.NodeProto, taken: list[str]) -> Chain | None:
    """Read a node that takes what these chains give; what it gives, None for a shape."""
    chain, *others = (chains[name].branch() for name in taken)
    _check(chains, node, taken)
    kind = (domain_of(node), node.op_type)
    for one in (chain, *others):
        if one.last is not None:
            raise refusal(node, f"stands behind {one.last.op_type}, which must be the end")
        if one.padding is not None and kind != ("", "Conv"):
            raise refusal(one.padding.node, "must stand before a Conv")
    if kind == ("", "Shape"):
        shape = np.array(chain.layout.graph_shape, np.int64)
        chain.constants.arrays[node.output[0]] = shape
        return None
    if kind not in READERS and kind not in JOINS:
        raise refusal(node, "no binary network can compute this")
    if others:
        if kind not in JOINS or len(taken) < len([name for name in node.input if name]):
            raise refusal(node, f"takes {shorten(taken[1])} as well: only Add, Sub and Concat join")
        JOINS[kind](chain, others, node)
    elif kind in READERS:
        READERS[kind](chain, node)
    else:
        raise refusal(node, "joins what the input becomes with constants")
    return chain


def _check(chains: dict[str, Chain], node: onnx.NodeProto, taken: list[str]) -> None:
    """Refuse a node whose inputs or outputs have no meaning."""
    constants = chains[taken[0]].constants
    for name in node.input:
        if name and name not in chains and name not in constants:
            raise refusal(node, f"takes {shorten(name)}, which no node before it gives")
        if name in taken and list(node.input).count(name) > 1:
            raise refusal(node, "takes the same values twice")
    attributes(node)  # refused where one is a graph, whether it is read or not
    given = node.output[0] if len(node.output) == 1 else ""
    if not given or given in constants or given in chains:
        raise refusal(node, "must give one output of its own")


def _imported(chain: Chain, name: str) -> Imported:
    if chain.padding is not None:
        raise refusal(chain.padding.node, "must stand before a Conv")
    found = chain.building.input
    if found is None:
        raise ExchangeError("the graph has no layer of ±1 weights behind a quantiser")
    if chain.code is None and chain.pending is None:
        raise ExchangeError(f"no layer gives the output {shorten(name)}")
    output = chain.output()
    scale = output.scale_of_scores() if isinstance(output, Sums) else None
    try:
        network, nodes = chain.building.network(chain.source, scale)
    except NetworkError as error:
        raise ExchangeError(str(error)) from error
    return Imported(network, found, output, nodes, chain.layout)
