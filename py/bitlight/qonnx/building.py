"""The network as it is read: its nodes so far, and what each gives."""

import onnx

from bitlight.errors import NetworkError
from bitlight.network.graph import INPUT, Layers
from bitlight.network.layers import Layer
from bitlight.network.network import Network
from bitlight.network.surroundings import OutputScale
from bitlight.network.values import Integers, Levels, Value
from bitlight.qonnx.file import refusal
from bitlight.qonnx.imported import InputCode


class Building:
    """Nodes of a Network, each after those that it takes.

    Attributes
    ----------
    input : InputCode or None
        What becomes of the floats that the graph takes, once a quantiser says so.
    values : dict from a node's name to what it gives
    """

    def __init__(self) -> None:
        self.input: InputCode | None = None
        self.values: dict[str, Value] = {}
        self._layers: dict[str, tuple[Layer, tuple[str, ...]]] = {}
        self._origins: dict[str, str] = {}

    def start(self, shape: tuple[int, ...], found: InputCode) -> None:
        """Take the quantiser of the input."""
        self.input = found
        self.values[INPUT] = Value(shape, Levels(found.code.top))

    def append(self, node: onnx.NodeProto, layer: Layer, *inputs: str) -> str:
        """Take a layer that a node of the file became; the name of what it gives."""
        try:
            value = layer.gives(*(self.values[name] for name in inputs))
        except NetworkError as error:
            raise refusal(node, str(error)) from error
        name = f"n{len(self._layers)}"
        self.values[name] = value
        self._layers[name] = (layer, inputs)
        self._origins[name] = node.name or node.output[0]
        return name

    def integers(self, name: str) -> Integers:
        """The range of integers that a node gives."""
        kind = self.values[name].kind
        return kind if isinstance(kind, Integers) else Integers(kind.low, kind.high)

    def network(self, last: str, scale: OutputScale | None) -> tuple[Network, tuple[str, ...]]:
        """The network that gives what that node gives, and the names of its nodes in the file.

        Raises
        ------
        NetworkError
            If it is too large, or has no node.
        """
        assert self.input is not None
        needed = {last}
        for name, (_, inputs) in reversed(self._layers.items()):
            needed |= set(inputs) if name in needed else set()
        kept = [name for name in self._layers if name in needed]
        chain = all(
            self._layers[name][1] == (before,)
            for before, name in zip([INPUT, *kept], kept, strict=False)
        )
        layers: Layers = {name: (self._layers[name][0], *self._layers[name][1]) for name in kept}
        if chain:
            layers = [self._layers[name][0] for name in kept]
        shape = self.values[INPUT].shape
        network = Network(
            shape,
            self.input.code.bits,
            layers,
            codes=self.input.table(shape[-1]),
            output_scale=scale,
        )
        return network, tuple(self._origins[name] for name in kept)
