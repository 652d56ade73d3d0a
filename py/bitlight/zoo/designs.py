"""Designs: what can be trained by its name, chains and networks with shortcuts alike."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

from bitlight.errors import NetworkError
from bitlight.network.values import Shape
from bitlight.nn import Estimator, float_twin
from bitlight.zoo import modules
from bitlight.zoo.residual import resnet20
from bitlight.zoo.topologies import DESIGNS, RESNET20, TOPOLOGIES, Topology

RESNET20_WIDTH = 32
# Places of the image, in rows and columns, that a software head tells apart.
GRID = 2


@dataclass(frozen=True)
class Design:
    """A network of the zoo, or of one's own topology, as it is trained.

    Attributes
    ----------
    name : str
        One of `bitlight.zoo.topologies.DESIGNS`.
    width : float
        Factor of channels; `Topology.widened` says of which.
    input_bits : int, optional
        Of each value of the input, where not those of the topology.
    software_head : bool
        The last layer is a float one that is trained with the others and left out of what is
        frozen: an extractor, whose head is software anyway.
    own : Topology, optional
        In place of the one that has the name.
    levels : int
        L of the activations' levels 0 … L: 1 is their sign, 3 are two bits.

    Raises
    ------
    NetworkError
        If there is no such network, or it has no such width.
    """

    name: str = ""
    width: float = 1
    input_bits: int | None = None
    software_head: bool = False
    own: Topology | None = None
    levels: int = 1

    def __post_init__(self) -> None:
        if self.own is None and self.name not in DESIGNS:
            raise NetworkError(f"no network {self.name!r} in the zoo: it has {', '.join(DESIGNS)}")
        if self.topology is None:
            if self.input_bits not in (None, 8):
                raise NetworkError(f"{self.name} takes 8 bits a value, not {self.input_bits}")
            if self.channels < 1:
                raise NetworkError(f"width must leave {self.name} channels, not {self.width!r}")

    @property
    def topology(self) -> Topology | None:
        """The chain of layers; None for a network with shortcuts."""
        if self.own is None and self.name == RESNET20:
            return None
        found = TOPOLOGIES[self.name] if self.own is None else self.own
        found = found if self.width == 1 else found.widened(self.width)
        return found if self.input_bits is None else replace(found, input_bits=self.input_bits)

    @property
    def channels(self) -> int:
        """Of the first stage of a network with shortcuts."""
        return int(RESNET20_WIDTH * self.width)

    @property
    def input_shape(self) -> Shape:
        """(H, W, C) or (n,)."""
        return (32, 32, 3) if self.topology is None else self.topology.input_shape

    @property
    def bits(self) -> int:
        """Of each value of the input."""
        return 8 if self.topology is None else self.topology.input_bits

    def build(
        self,
        classes: int,
        *,
        estimator: Estimator = "ste",
        pad_bit: int = 1,
        dropout: float = 0.0,
        twin: bool = False,
    ) -> nn.Module:
        """The untrained module; its weights are drawn from torch's global generator.

        Parameters
        ----------
        classes : int
        estimator, pad_bit, dropout : as in `bitlight.zoo.modules.build`
            Networks with shortcuts have no padding bit to choose. Dropout acts on a software head
            too.
        twin : bool
            The float network of the same shape.

        Returns
        -------
        nn.Module
            (N, C, H, W) or (N, n) floats of pixel values to (N, classes) logits. With a software
            head an `nn.Sequential` of the extractor and the head.
        """
        topology = self.topology
        if topology is None:
            outputs = None if self.software_head else classes
            body: nn.Module = resnet20(
                outputs, self.channels, estimator=estimator, levels=self.levels
            )
        else:
            shape = topology.extractor if self.software_head else topology.classifying(classes)
            body = modules.build(
                shape, estimator=estimator, pad_bit=pad_bit, dropout=dropout, levels=self.levels
            )
        body = float_twin(body) if twin else body
        if not self.software_head:
            return body
        return nn.Sequential(body, SoftwareHead(self._features(), classes, dropout))

    def _features(self) -> Shape:
        if self.topology is None:
            return (8, 8, 4 * self.channels)
        return self.topology.extractor.shapes[-1]

    def extractor(self, module: nn.Module) -> nn.Module:
        """The part of a built module that becomes hardware."""
        return module[0] if self.software_head else module  # type: ignore[index]

    def to_json(self) -> dict[str, Any] | None:
        """What `from_json` takes; None where the topology has no name."""
        if self.own is not None:
            return None
        content = asdict(self)
        del content["own"]
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Design":
        """The design that was written down.

        Raises
        ------
        NetworkError
            If it is none.
        """
        try:
            return cls(**content)
        except TypeError as error:
            raise NetworkError(f"no design of the zoo: {content!r}") from error


class SoftwareHead(nn.Module):
    """The mean of each quarter of the image for each channel, and a float linear layer on it.

    Parameters
    ----------
    shape : (H, W, C) or (n,)
        Of the features; vectors go to the linear layer as they are.
    classes : int
    dropout : float
    """

    def __init__(self, shape: Shape, classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.image = len(shape) == 3
        inputs = min(GRID, shape[0]) * min(GRID, shape[1]) * shape[2] if self.image else shape[0]
        self.cells = (min(GRID, shape[0]), min(GRID, shape[1])) if self.image else (1, 1)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (N, C, H, W) or (N, n), ±1, to (N, classes) logits."""
        if self.image:
            x = torch.flatten(nn.functional.adaptive_avg_pool2d(x, self.cells), 1)
        return self.linear(self.dropout(x))
