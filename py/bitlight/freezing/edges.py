"""What a network in the making consists of: what each value of torch is in it, and its nodes."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from bitlight.errors import FreezingError, NetworkError
from bitlight.freezing.reader import INEXACT, Reading
from bitlight.network.graph import INPUT
from bitlight.network.layers import Affine, Conv2d, Linear, MaxPool2d
from bitlight.network.values import Integers, Levels, Shape, Value
from bitlight.nn.chain import Leaf

WIDE = (-(1 << 31), (1 << 31) - 1)
_OTHERS = re.compile(r"[^A-Za-z0-9_]+")


class Place(NamedTuple):
    """Where torch has what a node of the network gives.

    Attributes
    ----------
    step : int
        Of `Branching.steps`.
    node : str
    kind : Levels or Integers
    fraction : int
        Of integers.
    """

    step: int
    node: str
    kind: Levels | Integers
    fraction: int


class Step(NamedTuple):
    """A call of the module: `function` of the values of earlier steps, or of the input, −1."""

    function: nn.Module
    takes: tuple[int, ...]


@dataclass
class Branching(Reading):
    """What a module with branches is; see `Reading`.

    Attributes
    ----------
    nodes : dict
        As `Network` takes them.
    steps : list of Step
        All calls, in their order.
    places : list of Place
    """

    nodes: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)


class Sums(NamedTuple):
    """A binary layer that is no node yet, because it gets thresholds."""

    leaf: Leaf
    make: Callable[[np.ndarray, np.ndarray | None], Conv2d | Linear]
    weight: np.ndarray
    given: str


@dataclass(frozen=True)
class Edge:
    """What one value of torch is in the network.

    Attributes
    ----------
    value : Value
        Shape and kind; with pending steps, those before them.
    name : str
        The node; "" for sums that are none yet.
    step : int
        Of torch.
    fraction : int
        Of integers.
    flat : bool
        Whether torch has (N, n).
    pending, pools
        Steps and pools on the way to levels or to the output.
    """

    value: Value
    name: str
    step: int
    fraction: int = 0
    flat: bool = False
    sums: Sums | None = None
    pending: tuple[Leaf, ...] = ()
    pools: tuple[MaxPool2d, ...] = ()

    @property
    def is_input(self) -> bool:
        """Whether it is the image."""
        return self.name == INPUT

    @property
    def channels(self) -> tuple[int, ...]:
        """Of one image as torch has them, but for rows and columns."""
        return (self.value.channels,) if self.flat else (self.value.channels, 1, 1)


class Growing:
    """A reading that gets its nodes and steps one after the other.

    Attributes
    ----------
    reading : Branching
    values : dict
        What each node gives.
    """

    def __init__(self, input_shape: Shape, input_bits: int) -> None:
        self.reading = Branching([], [], [])
        self.values = {INPUT: Value(input_shape, Levels((1 << input_bits) - 1))}

    def step(self, function: nn.Module, *edges: Edge) -> int:
        """Add a call of the module; its number."""
        self.reading.steps.append(Step(function, tuple(edge.step for edge in edges)))
        return len(self.reading.steps) - 1

    def node(self, path: str, layer: Any, *inputs: str) -> str:
        """Add a node to the network; its name."""
        name = base = _OTHERS.sub("_", path).strip("_")[:50] or type(layer).__name__.lower()
        if not name[0].isalpha() or name == INPUT:
            name = base = f"n{name}"
        number = 1
        while name in self.values:
            number += 1
            name = f"{base}_{number}"
        try:
            value = layer.gives(*(self.values[taken] for taken in inputs))
        except NetworkError as error:
            raise FreezingError(f"{path}: {error}") from error
        self.reading.nodes[name] = (layer, *inputs)
        self.values[name] = value
        return name

    def edge(
        self, path: str, layer: Any, step: int, *inputs: str, fraction: int = 0, flat: bool = False
    ) -> Edge:
        """A node that torch has as well."""
        name = self.node(path, layer, *inputs)
        value = self.values[name]
        if isinstance(value.kind, Integers) and max(-value.kind.low, value.kind.high) >= INEXACT:
            raise FreezingError(f"{path}: {value.kind} are too large to be exact in float32")
        self.reading.places.append(Place(step, name, value.kind, fraction))
        return Edge(value, name, step, fraction, flat)

    def turned(self, path: str, name: str, where: np.ndarray) -> str:
        """A node of what another gives, negated in some channels."""
        signs = np.where(where, -1, 1)
        return self.node(f"{path}_turned", Affine(signs, 0 * signs, 0, *WIDE), name)

    def times(self, name: str, factor: int) -> str:
        """A node of what another gives, so many times as large."""
        count = self.values[name].channels
        many = np.full(count, factor, np.int64)
        return self.node(f"{name}_by_{factor}", Affine(many, 0 * many, 0, *WIDE), name)
