"""How a graph lays out the values between two nodes, and how a Network does."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from bitlight.network.values import Shape


@dataclass(frozen=True)
class Layout:
    """The shape of one image's values.

    Attributes
    ----------
    shape : (H, W, C) or (n,)
        As a Network has it.
    axes : "chw", "hwc" or "n"
        The order in the graph, behind the batch.
    flat : bool
        Whether the graph has flattened them, in that order.
    batch : int
        How many images the graph was written for.
    """

    shape: Shape
    axes: str
    flat: bool
    batch: int = 1

    @property
    def image(self) -> bool:
        """Whether rows and columns are still apart, channels first, as Conv and MaxPool need it."""
        return self.axes == "chw" and not self.flat

    @property
    def graph_shape(self) -> Shape:
        """With the batch, as the graph has it."""
        sizes = tuple(self.shape["hwc".index(axis)] for axis in self.axes if axis != "n")
        sizes = sizes or self.shape
        return (self.batch, math.prod(sizes)) if self.flat else (self.batch, *sizes)

    @property
    def n_channels(self) -> int:
        """Along the axis that constants for each channel have."""
        return self.shape[-1]

    def transposed(self, perm: list[int] | None) -> "Layout | None":
        """Behind a Transpose; None if it does not lead from one order to the other."""
        known = {("chw", 0, 2, 3, 1): "hwc", ("hwc", 0, 3, 1, 2): "chw"}
        axes = known.get((self.axes, *(perm or ())))
        return None if axes is None or self.flat else dataclasses.replace(self, axes=axes)

    def flattened(self) -> "Layout":
        """With all but the batch in one axis."""
        return dataclasses.replace(self, flat=True)

    def columns(self) -> np.ndarray:
        """For each value in the network's order, its place in the graph's: int array (n,)."""
        places = np.arange(math.prod(self.shape))
        if self.axes != "chw":
            return places
        height, width, channels = self.shape
        return places.reshape(channels, height, width).transpose(1, 2, 0).ravel()

    def channels(self, constant: np.ndarray) -> np.ndarray | None:
        """A constant as (1,) or (channels,); None if it is not the same for a whole channel."""
        graph_shape = self.graph_shape
        if constant.size == 1:
            return constant.reshape(1)
        if constant.ndim > len(graph_shape):
            return None
        sizes = list((1,) * (len(graph_shape) - constant.ndim) + constant.shape)
        axis = 1 + max(self.axes.find("c"), 0)
        wanted, found = graph_shape[axis], sizes.pop(axis)
        if (self.flat and self.axes != "n") or found != wanted or any(n != 1 for n in sizes):
            return None
        return constant.reshape(-1)
