"""Which units stand for which layers: the chain that a folded network becomes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bitlight import Conv2d, Linear, MaxPool2d, Network
from bitlight_hw.folding import FOLDED, Folding, folded_layers
from bitlight_hw.optics import Projection
from bitlight_hw.units import (
    Gearbox,
    MatrixVector,
    OrPool,
    Pad,
    Repack,
    Slide,
    Unit,
    Window,
)
from bitlight_hw.units.matvec import Dataflow


@dataclass(frozen=True)
class Beats:
    """How an image, or what became of it, is cut into the beats of a stream.

    Parameters
    ----------
    shape : (H, W, C) or (n,); the elements stream in C order
    elements : int, in one beat, the first in the lowest bits
    bits : int, of one element
    signed : bool
    """

    shape: tuple[int, ...]
    elements: int
    bits: int
    signed: bool = False

    @property
    def count(self) -> int:
        """Beats of one image."""
        return int(np.prod(self.shape)) // self.elements

    @property
    def width(self) -> int:
        """Bits of one beat."""
        return self.elements * self.bits

    @property
    def inner(self) -> int:
        """Beats of one pixel."""
        return self.shape[-1] // self.elements

    def as_bits(self) -> "Beats":
        """The same beats with each bit as an element."""
        return Beats((int(np.prod(self.shape)) * self.bits,), self.width, 1)


@dataclass(frozen=True)
class Stage:
    """A unit in the chain, with the form of the stream behind it.

    `spare` marks a queue that is there only in case the interval needs it.
    """

    name: str
    unit: Unit
    beats: Beats
    spare: bool = False


def slides(layer: Conv2d, simd: int) -> bool:
    """Whether whole windows are held, since SIMD elements are no part of a pixel."""
    return layer.weight.shape[-1] % simd != 0


def elements_taken(layer: Conv2d | Linear, simd: int) -> int:
    """Elements in a beat that a layer takes: whole pixels where windows are held, else SIMD."""
    if isinstance(layer, Conv2d) and slides(layer, simd):
        return int(layer.weight.shape[-1])
    return simd


@dataclass
class Pipeline:
    """Units in stream order, and the form of the stream that leaves the last."""

    beats_in: Beats
    beats: Beats
    stages: list[Stage] = field(default_factory=list)

    @staticmethod
    def of(
        net: Network,
        folding: Folding,
        dataflow: Sequence[Dataflow] | None = None,
        projection: Projection | None = None,
    ) -> "Pipeline":
        """The chain of a network, with a spare queue wherever a unit might hold up the one before.

        All output-stationary unless `dataflow` says otherwise for each layer that computes. The
        features go through the projection, if there is one.

        A pixel is a beat of the input; a flat input, or one that a Linear flattens, comes SIMD
        elements at a time.
        """
        flows: Sequence[Dataflow] = dataflow or ["output"] * len(folding)
        choices = dict(zip(folded_layers(net), zip(folding, flows, strict=True), strict=True))
        first = net.chain[0]
        elements = folding[0][1] if isinstance(first, Linear) else net.input_shape[-1]
        beats = Beats(net.input_shape, elements, net.input_bits)
        chain = Pipeline(beats, beats)
        for index, layer in enumerate(net.chain):
            before = len(chain.stages)
            UNITS[type(layer)](chain, layer, *choices.get(index, ()))
            chain._name(before, f"layer{index}")
        if projection is not None:
            before = len(chain.stages)
            chain._project(projection)
            chain._name(before, "optics")
        return chain

    @staticmethod
    def of_layer(
        layer: Conv2d | Linear | MaxPool2d,
        beats: Beats,
        folded: tuple[int, int] = (1, 1),
        flow: Dataflow = "output",
    ) -> "Pipeline":
        """The chain of one layer by itself, behind beats of any size."""
        chain = Pipeline(beats, beats)
        choice = (folded, flow) if type(layer) in FOLDED else ()
        UNITS[type(layer)](chain, layer, *choice)
        return chain

    @staticmethod
    def of_gear(beats: Beats, elements: int) -> "Pipeline":
        """What makes beats of so many elements."""
        chain = Pipeline(beats, beats)
        chain._gear(elements)
        return chain

    def _name(self, begin: int, prefix: str) -> None:
        """Tell what the stages from there on belong to."""
        self.stages[begin:] = [
            replace(stage, name=f"{prefix}_{stage.name}") for stage in self.stages[begin:]
        ]

    @property
    def stream_beats(self) -> list[int]:
        """Beats per image of every stream, from the first to the last."""
        return [self.beats_in.count, *(stage.beats.count for stage in self.stages)]

    def _add(self, name: str, unit: Unit, beats: Beats, *, spare: bool = False) -> None:
        self.stages.append(Stage(name, unit, beats, spare))
        self.beats = beats

    def _pool(self, layer: MaxPool2d) -> None:
        assert layer.stride is not None
        for axis, name in [(1, "pool_x"), (0, "pool_y")]:
            kernel, stride, shape = layer.kernel[axis], layer.stride[axis], self.beats.shape
            if kernel == stride == 1:
                continue
            inner = self.beats.inner * (1 if axis else shape[1])
            unit = OrPool(
                self.beats.width, inner=inner, length=shape[axis], kernel=kernel, stride=stride
            )
            pooled = [*shape]
            pooled[axis] = (shape[axis] - kernel) // stride + 1
            self._add(name, unit, replace(self.beats, shape=tuple(pooled)))

    def _convolve(self, layer: Conv2d, folded: tuple[int, int], flow: Dataflow) -> None:
        simd, shape = folded[1], layer.output_shape(self.beats.shape)
        held = slides(layer, simd)
        narrows = self._take(elements_taken(layer, simd))
        if any(layer.padding):
            if not narrows:  # while a frame is given, too
                self._queue()
            self._pad(layer)
        kernel, stride = layer.kernel, layer.stride
        if held:
            self._slide(layer.fan_in, kernel, stride)
            kernel, stride = (1, 1), (1, 1)
        self._multiply(layer, shape, kernel, stride, folded, flow)

    def _connect(self, layer: Linear, folded: tuple[int, int], flow: Dataflow) -> None:
        # One pixel with all elements as its channels.
        self.beats = replace(self.beats, shape=(1, 1, layer.fan_in))
        self._take(folded[1])
        self._multiply(layer, (len(layer.weight),), (1, 1), (1, 1), folded, flow)

    def _take(self, elements: int) -> bool:
        """Beats of so many elements; whether that makes them narrower.

        While a beat is given in parts, the unit before may have to go on: it has a queue then.
        """
        narrows = self.beats.elements > elements
        if narrows:
            self._queue()
        self._gear(elements)
        return narrows

    def _multiply(
        self,
        layer: Conv2d | Linear,
        shape: tuple[int, ...],
        kernel: tuple[int, int],
        stride: tuple[int, int],
        folded: tuple[int, int],
        flow: Dataflow,
    ) -> None:
        """Windows, and the matrix-vector unit that takes them and gives that shape."""
        (pe, simd), outputs = folded, len(layer.weight)
        # Input-stationary units hold a word themselves while all outputs take it in.
        self._window(layer, kernel, stride, outputs // pe if flow == "output" else 1)
        self._gear(simd, "gear_window")
        unit = MatrixVector(
            layer.weight.reshape(outputs, -1),
            layer.threshold,
            pe=pe,
            simd=simd,
            bits=self.beats.bits,
            dataflow=flow,
        )
        scores = layer.threshold is None
        self._add("matvec", unit, Beats(shape, pe, unit.result.width, signed=scores))

    def _project(self, projection: Projection) -> None:
        """The features, in beats of zeros at the end where they need it, once for each turn."""
        features, lanes = int(np.prod(self.beats.shape)), projection.lanes
        unit = projection.projector(features)
        self.beats = replace(self.beats, shape=(1, 1, features))
        elements = self.beats.elements
        if features % lanes and elements < lanes:
            elements &= -elements  # divides the lanes: no beat reaches into the next image
        if self.beats.elements > min(elements, lanes):
            self._queue()
        if features % lanes:
            self._gear(elements)
            fill = Repack(elements, lanes, 1, frame=features)
            self._add("fill", fill, Beats((1, 1, unit.beats * lanes), lanes, 1))
        self._gear(lanes)
        if unit.turns == 1:
            self._queue("queue_window")
        else:
            ring = _ring(self.beats, repeats=unit.turns)
            shape = (1, 1, unit.turns * unit.beats * lanes)
            self._add("window", ring, replace(self.beats, shape=shape))
        self._add("projector", unit, Beats((unit.n_components,), unit.side, unit.bits))

    def _queue(self, name: str = "queue") -> None:
        """A queue; the source of the images needs none, it can wait."""
        if self.stages:
            self._add(name, _ring(self.beats), self.beats, spare=True)

    def _gear(self, elements: int, name: str = "gear") -> None:
        if self.beats.elements != elements:
            unit = Gearbox(self.beats.elements, elements, self.beats.bits)
            self._add(name, unit, replace(self.beats, elements=elements))

    def _pad(self, layer: Conv2d) -> None:
        rows, columns = layer.padding
        height, across, channels = self.beats.shape
        bits, elements = self.beats.bits, self.beats.elements
        unit = Pad(
            self.beats.width,
            height=height,
            across=across,
            inner=self.beats.inner,
            rows=rows,
            columns=columns,
            value=sum(layer.pad_value << (index * bits) for index in range(elements)),
        )
        shape = (height + 2 * rows, across + 2 * columns, channels)
        self._add("pad", unit, replace(self.beats, shape=shape))

    def _slide(self, fan_in: int, kernel: tuple[int, int], stride: tuple[int, int]) -> None:
        """Whole windows, each a pixel for the units behind."""
        height, across, _ = self.beats.shape
        unit = Slide(self.beats.width, height=height, across=across, kernel=kernel, stride=stride)
        rows = (height - kernel[0]) // stride[0] + 1
        columns = (across - kernel[1]) // stride[1] + 1
        self._add("slide", unit, Beats((rows, columns, fan_in), fan_in, self.beats.bits))

    def _window(
        self,
        layer: Conv2d | Linear,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        folds: int,
    ) -> None:
        if kernel == stride == (1, 1) and folds == 1:
            return self._queue("queue_window")
        unit = _ring(self.beats, kernel, stride, folds)
        shape = (unit.rows, unit.columns, folds * layer.fan_in)
        self._add("window", unit, replace(self.beats, shape=shape))


def _ring(
    beats: Beats,
    kernel: tuple[int, int] = (1, 1),
    stride: tuple[int, int] = (1, 1),
    repeats: int = 1,
) -> Window:
    """A ring for images of that form; without a kernel, one that gives each pixel once."""
    height, across, _ = beats.shape
    return Window(
        beats.width,
        height=height,
        across=across,
        inner=beats.inner,
        kernel=kernel,
        stride=stride,
        repeats=repeats,
    )


# What each type of layer becomes; those with weights are told their folding and dataflow.
UNITS: dict[type, Callable[..., None]] = {
    Conv2d: Pipeline._convolve,
    Linear: Pipeline._connect,
    MaxPool2d: Pipeline._pool,
}
