"""Which units stand for which layers: the streams and units that a folded network becomes."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bitlight import (
    Add,
    Affine,
    Concat,
    Conv2d,
    Linear,
    MaxPool2d,
    Network,
    PReLU,
    SumPool2d,
    Threshold,
)
from bitlight.network.graph import INPUT, Node
from bitlight.network.values import Integers, Levels, Value
from bitlight_hw.folding import FOLDED, Folding, folded_layers, slowest_layer
from bitlight_hw.optics import Projection
from bitlight_hw.stages import Beats, Stage
from bitlight_hw.units import (
    Centre,
    Compare,
    Fork,
    Gearbox,
    MatrixVector,
    MaxPool,
    OrPool,
    Pad,
    Rectify,
    Repack,
    Scale,
    Side,
    Slide,
    Sum,
    SumPool,
    Unit,
    Window,
)
from bitlight_hw.units.matvec import Dataflow


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
    """Units with the streams between them, and the stream that goes on.

    Attributes
    ----------
    beats_in : Beats, of the source's stream
    beats : Beats, of the stream that goes on
    stages : list of Stage, none before one that it takes from
    at : int, the number of the stream that goes on
    most : float
        Cycles for an image: where it is free how many elements are in a beat, they are as few as
        that allows.
    images : int
        How many images a way may have to hold while another one works.
    """

    beats_in: Beats
    beats: Beats
    stages: list[Stage] = field(default_factory=list)
    at: int = 0
    most: float = math.inf
    images: int = 1

    @staticmethod
    def of(
        net: Network,
        folding: Folding,
        dataflow: Sequence[Dataflow] | None = None,
        projection: Projection | None = None,
    ) -> "Pipeline":
        """The units of a network, with a spare queue wherever a unit might hold up the one before.

        All output-stationary unless `dataflow` says otherwise for each layer that computes. The
        features go through the projection, if there is one.

        A pixel is a beat of the input; a flat input, or one that a Linear flattens, comes SIMD
        elements at a time. What several nodes take is forked, and each way into a join has a spare
        queue.
        """
        flows: Sequence[Dataflow] = dataflow or ["output"] * len(folding)
        choices = dict(zip(folded_layers(net), zip(folding, flows, strict=True), strict=True))
        most = max(slowest_layer(net, folding), *(math.prod(v[:-1]) for v in net.shapes))
        beats = Beats.of(net.input, elements_in(net, choices, most))
        pipeline = Pipeline(beats, beats, most=most, images=len(net.layers) + 1)
        ways = {INPUT: pipeline._ways("input", _uses(net, INPUT))}
        for index, node in enumerate(net.nodes):
            pipeline._place(
                net, node, choices.get(index), [ways[name].pop() for name in node.inputs]
            )
            ways[node.name] = pipeline._ways(_prefix(net, node), _uses(net, node.name), node.name)
        if projection is not None:
            with pipeline._named("optics", "optics"):
                pipeline._project(projection)
        return pipeline

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
    def of_node(
        net: Network,
        index: int,
        choice: tuple[tuple[int, int], Dataflow] | None,
        given: Sequence[Beats],
        most: float,
    ) -> "Pipeline":
        """The units of one node by itself, behind streams of those beats."""
        chain = Pipeline(given[0], given[0], most=most, images=len(net.layers) + 1)
        ways = [(-number, beats) for number, beats in enumerate(given)]
        chain._place(net, net.nodes[index], choice, ways)
        return chain

    @staticmethod
    def of_gear(beats: Beats, elements: int) -> "Pipeline":
        """What makes beats of so many elements."""
        chain = Pipeline(beats, beats)
        chain._gear(elements)
        return chain

    def _place(
        self,
        net: Network,
        node: Node,
        choice: tuple[tuple[int, int], Dataflow] | None,
        ways: list["Way"],
    ) -> None:
        """The units of one node, behind the streams that it takes."""
        self.at, self.beats = ways[0]
        with self._named(_prefix(net, node), node.name):
            if choice is not None:
                UNITS[type(node.layer)](self, node.layer, *choice)
            elif isinstance(node.layer, MaxPool2d):
                self._pool(node.layer)
            else:
                takes = [net.value(name) for name in node.inputs]
                ON_VALUES[type(node.layer)](self, node.layer, takes, node.value, ways)
        form = Beats.of(node.value, self.beats.elements)
        assert (self.beats.bits, self.beats.signed) == (form.bits, form.signed), node.name
        self.beats = form

    def _ways(self, prefix: str, count: int, node: str = "") -> list["Way"]:
        """The stream that goes on, once for each that takes it."""
        if count < 2:
            return [(self.at, self.beats)] * count
        given = tuple(range(self._free, self._free + count))
        unit = Fork(self.beats.width, count)
        with self._named(prefix, node):
            self.stages.append(Stage("fork", unit, self.beats, (self.at,), given))
        return [(stream, self.beats) for stream in reversed(given)]

    @property
    def _free(self) -> int:
        """The lowest number that is no stream yet."""
        return 1 + max((n for stage in self.stages for n in stage.gives), default=0)

    @contextmanager
    def _named(self, prefix: str, node: str) -> Iterator[None]:
        """Tell what the stages that are added within belong to; no two have one name."""
        begin = len(self.stages)
        yield
        known = Counter(stage.name for stage in self.stages[:begin])
        for place, stage in enumerate(self.stages[begin:], begin):
            name = f"{prefix}_{stage.name}"
            while known[name]:
                name += "_"
            known[name] += 1
            self.stages[place] = replace(stage, name=name, node=node)

    @property
    def stream_beats(self) -> list[int]:
        """Beats per image of every stream, from the first to the last."""
        return [self.beats_in.count, *(s.beats.count for s in self.stages for _ in s.gives)]

    def _add(
        self,
        name: str,
        unit: Unit,
        beats: Beats,
        *,
        spare: bool = False,
        takes: tuple[int, ...] | None = None,
    ) -> None:
        given = self._free
        taken = (self.at,) if takes is None else takes
        self.stages.append(Stage(name, unit, beats, taken, (given,), spare=spare))
        self.beats, self.at = beats, given

    def _pool(self, layer: MaxPool2d) -> None:
        def unit(**form: int) -> Unit:
            if self.beats.bits == 1:
                return OrPool(self.beats.width, **form)
            return MaxPool(self.beats.bits, self.beats.elements, **form)

        assert layer.stride is not None
        self._windows(layer.kernel, layer.stride, lambda _, form: (unit(**form), self.beats))

    def _windows(
        self,
        kernels: tuple[int, int],
        strides: tuple[int, int],
        make: Callable[[int, dict[str, int]], tuple[Unit, Beats]],
    ) -> None:
        """A pool along x, then one along y; `make` gives a unit and the form of its elements."""
        for axis, name in [(1, "pool_x"), (0, "pool_y")]:
            kernel, stride, shape = kernels[axis], strides[axis], self.beats.shape
            if kernel == stride == 1:
                continue
            inner = self.beats.inner * (1 if axis else shape[1])
            form = {"inner": inner, "length": shape[axis], "kernel": kernel, "stride": stride}
            unit, beats = make(axis, form)
            pooled = [*shape]
            pooled[axis] = (shape[axis] - kernel) // stride + 1
            self._add(name, unit, replace(beats, shape=tuple(pooled)))

    def _sum_pool(
        self, layer: SumPool2d, takes: list[Value], _gives: Value, _ways: list["Way"]
    ) -> None:
        (value,) = takes
        kernel, stride = layer.window(value.shape)
        low, high = value.kind.low, value.kind.high
        if isinstance(value.kind, Levels):
            unit = Centre(value.kind.bits, value.kind.top, self.beats.elements)
            centred = Beats.of(Value(value.shape, Integers(low, high)), self.beats.elements)
            self._add("centre", unit, centred)

        def sums(axis: int, form: dict[str, int]) -> tuple[Unit, Beats]:
            count = kernel[axis] * (kernel[1] if axis == 0 else 1)
            ends = count * low, count * high
            found = SumPool(self.beats.bits, self.beats.elements, *ends, **form)
            return found, replace(self.beats, bits=found.result.width)

        self._windows(kernel, stride, sums)

    def _scale(self, layer: Affine, takes: list[Value], gives: Value, _ways: list["Way"]) -> None:
        lanes = self._narrow()
        unit = Scale(
            layer.multiplier,
            layer.offset,
            shift=layer.shift,
            low=gives.kind.low,
            high=gives.kind.high,
            lanes=lanes,
            bits=self.beats.bits,
            top=self.beats.top,
        )
        self._add("scale", unit, Beats.of(gives, lanes))

    def _rectify(self, layer: PReLU, takes: list[Value], gives: Value, _ways: list["Way"]) -> None:
        lanes = self._narrow()
        unit = Rectify(
            layer.slope,
            layer.before,
            layer.after,
            shift=layer.shift,
            low=gives.kind.low,
            high=gives.kind.high,
            lanes=lanes,
            bits=self.beats.bits,
        )
        self._add("rectify", unit, Beats.of(gives, lanes))

    def _compare(
        self, layer: Threshold, takes: list[Value], gives: Value, _ways: list["Way"]
    ) -> None:
        self._narrow()
        self._levels(layer.threshold, takes[0].kind.low, takes[0].kind.high)

    def _levels(self, threshold: np.ndarray, low: int, high: int) -> None:
        """What thresholds make of integers of that range."""
        lanes = self.beats.elements
        unit = Compare(threshold, low=low, high=high, lanes=lanes, bits=self.beats.bits)
        gives = Value(self.beats.shape, Levels(unit.levels))
        self._add("compare", unit, Beats.of(gives, lanes))

    def _sum(self, layer: Add, takes: list[Value], gives: Value, ways: list["Way"]) -> None:
        given = math.gcd(*(beats.elements for _, beats in ways))
        lanes = self._fewest(gives.channels, gives.size // gives.channels, given)
        streams = self._joined(ways, lanes)
        bits = [value.kind.bits for value in takes]
        low, high = gives.kind.low, gives.kind.high
        reach = [sum(end) for end in zip(*((v.kind.low, v.kind.high) for v in takes), strict=True)]
        unit = Sum(bits, lanes, low, high, clips=reach != [low, high])
        self._add("add", unit, Beats.of(gives, lanes), takes=streams)

    def _concatenate(
        self, layer: Concat, takes: list[Value], gives: Value, ways: list["Way"]
    ) -> None:
        positions = gives.size // gives.channels
        every = math.gcd(*(value.channels for value in takes))
        lanes = self._fewest(every, positions * gives.channels // every)
        streams = self._joined(ways, lanes)
        unit = Side(
            [value.kind.bits for value in takes],
            lanes,
            [value.channels // lanes for value in takes],
            gives.kind.bits,
            is_signed=isinstance(gives.kind, Integers),
        )
        self._add("concat", unit, Beats.of(gives, lanes), takes=streams)

    def _joined(self, ways: list["Way"], lanes: int) -> tuple[int, ...]:
        """The streams of some ways in beats of so many elements, each behind a spare queue."""
        found = []
        for index, way in enumerate(ways):
            self.at, self.beats = way
            if self.beats.elements > lanes:  # while a beat is given in parts, as in `_take`
                self._queue(f"queue_gear{index}")
            self._gear(lanes, f"gear{index}")
            self._queue(f"queue{index}", images=self.images)
            found.append(self.at)
        return tuple(found)

    def _fewest(self, channels: int, positions: int, of: int = 0) -> int:
        """The fewest elements of a beat with which so many positions pass in time.

        A divisor of `of`, where one is enough; else of the channels.
        """
        for many in (of, channels):
            for lanes in range(1, many + 1):
                fits = channels % lanes == 0 and many % lanes == 0
                if fits and positions * (channels // lanes) <= self.most:
                    return lanes
        return channels

    def _narrow(self) -> int:
        """As few elements in a beat as the interval allows, for what is there once for each."""
        elements, shape = self.beats.elements, self.beats.shape
        # Beats that are narrower than the interval asks for come no sooner through more lanes.
        lanes = min(self._fewest(shape[-1], math.prod(shape[:-1]), elements), elements)
        if lanes < elements:
            self._take(lanes)
        return lanes

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
        threshold = layer.threshold
        several = threshold is not None and threshold.ndim == 2
        unit = MatrixVector(
            layer.weight.reshape(outputs, -1),
            None if several else threshold,
            pe=pe,
            simd=simd,
            bits=self.beats.bits,
            top=self.beats.top,
            dataflow=flow,
        )
        if threshold is None or several:
            sums = Value(shape, Integers(-unit.reach, unit.reach))
            self._add("matvec", unit, Beats.of(sums, pe))
        else:
            self._add("matvec", unit, Beats.of(Value(shape, Levels(1)), pe))
        if threshold is not None and several:
            self._levels(threshold, -unit.reach, unit.reach)

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

    def _queue(self, name: str = "queue", images: int = 1) -> None:
        """A queue; the source of the images needs none, it can wait."""
        if self.at:
            self._add(name, _ring(self.beats, images=images), self.beats, spare=True)

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
        windows = replace(self.beats, shape=(rows, columns, fan_in), elements=fan_in)
        self._add("slide", unit, windows)

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
    images: int = 1,
) -> Window:
    """A ring for images of that form; without a kernel, one that gives each pixel once."""
    height, across = beats.shape[:2] if len(beats.shape) == 3 else (1, 1)
    return Window(
        beats.width,
        height=height,
        across=across,
        inner=beats.inner,
        kernel=kernel,
        stride=stride,
        repeats=repeats,
        images=images,
    )


def elements_in(net: Network, choices: dict[int, Any], most: float) -> int:
    """Elements in a beat of the input."""
    takers = [index for index, node in enumerate(net.nodes) if INPUT in node.inputs]
    if len(takers) == 1 and isinstance(net.layers[takers[0]], Linear):
        (_, simd), _ = choices[takers[0]]
        return int(simd)
    if len(net.input_shape) == 3:
        return net.input_shape[-1]
    (size,) = net.input_shape
    return next(n for n in range(1, size + 1) if size % n == 0 and size // n <= most)


def _uses(net: Network, name: str) -> int:
    """How often the value of that name is taken."""
    return sum(node.inputs.count(name) for node in net.nodes)


def _prefix(net: Network, node: Node) -> str:
    """What names of a node's units begin with."""
    return f"layer{node.name}" if node.name.isdecimal() else node.name


Way = tuple[int, Beats]  # a stream and its form

# What each type of layer becomes. Those with weights are told their folding and dataflow, those
# that look at ranges which values they take and give, and on which ways.
UNITS: dict[type, Callable[..., None]] = {
    Conv2d: Pipeline._convolve,
    Linear: Pipeline._connect,
    MaxPool2d: Pipeline._pool,
}
ON_VALUES: dict[type, Callable[..., None]] = {
    SumPool2d: Pipeline._sum_pool,
    Affine: Pipeline._scale,
    PReLU: Pipeline._rectify,
    Threshold: Pipeline._compare,
    Add: Pipeline._sum,
    Concat: Pipeline._concatenate,
}
