"""Generated graphs: every layer, shortcuts, nested and unequal branches, levels of all kinds."""

import numpy as np

from bitlight import Conv2d, Linear, MaxPool2d, Network, NetworkError
from bitlight.network.layers import Add, Affine, Concat, PReLU, SumPool2d, Threshold
from bitlight.network.values import Integers, Levels, Value

MOST_LEVEL = 15


def draw_graph(rng, depth=6, most_side=8, most_outputs=39, multiple=1):
    """A network that is no binary chain; its layers have multiples of so many channels."""
    while True:
        try:
            net = _draw(rng, depth, most_side, most_outputs, multiple)
        except NetworkError:
            continue
        if not net.is_binary_chain:
            return net


def _draw(rng, depth, most_side, most_outputs, multiple):
    bits = int(rng.choice([1, 2, 4, 8]))
    side = int(rng.integers(4, most_side + 1))
    flat = rng.random() < 0.15
    shape = (int(rng.integers(3, 40)),) if flat else (side, side, int(rng.integers(1, 5)))
    nodes, values = {}, {}
    values["input"] = Value(shape, Levels((1 << bits) - 1))

    def add(layer, *inputs):
        layer = _widened(layer, multiple)
        name = f"n{len(nodes)}"
        values[name] = layer.gives(*(values[i] for i in inputs))
        nodes[name] = (layer, *inputs)
        return name

    last = "input"
    for _ in range(int(rng.integers(2, depth + 1))):
        last = _grow(rng, add, values, last, most_outputs)
    unused = [n for n in nodes if not any(n in entry[1:] for entry in nodes.values())]
    for other in unused:
        if other != last:
            last = _merge(rng, add, values, last, other)
    return Network(shape, bits, nodes)


def _widened(layer, multiple):
    """A binary layer with as many outputs as are asked for."""
    if multiple == 1 or not isinstance(layer, Conv2d | Linear) or len(layer.weight) % multiple == 0:
        return layer
    times = multiple // np.gcd(len(layer.weight), multiple)
    weight = np.concatenate([layer.weight] * times)
    threshold = None if layer.threshold is None else np.concatenate([layer.threshold] * times)
    rest = () if isinstance(layer, Linear) else (layer.stride, layer.padding, layer.pad_value)
    return type(layer)(weight, threshold, *rest)


def _grow(rng, add, values, last, most_outputs):  # noqa: PLR0911  a way for each kind
    """One more node, or a block with a shortcut."""
    value = values[last]
    if isinstance(value.kind, Integers):
        kind = rng.choice(["threshold", "affine", "prelu", "sum", "shortcut"])
        if kind == "shortcut":
            inner = add(_threshold(rng, value), last)
            inner = add(_layer(rng, values[inner], most_outputs, sums=True, same=True), inner)
            return _merge(rng, add, values, inner, last)
        return add(_on_integers(rng, kind, value), last)
    kind = rng.choice(["layer", "layer", "pool", "sum", "affine", "branches"])
    if kind == "pool" and len(value.shape) == 3:
        return add(MaxPool2d(int(rng.integers(1, 3)), int(rng.integers(1, 3))), last)
    if kind == "sum" and len(value.shape) == 3:
        return add(_sum_pool(rng), last)
    if kind == "affine":
        return add(_affine(rng, value), last)
    if kind == "branches" and len(value.shape) == 3:
        ways = []
        for _ in range(int(rng.integers(2, 4))):
            way = last
            for _ in range(int(rng.integers(1, 3))):
                layer = _layer(rng, values[way], most_outputs, same=True)
                way = add(layer, way)
            ways.append(way)
        while len(ways) > 1:
            ways.append(_merge(rng, add, values, ways.pop(0), ways.pop(0)))
        return ways[0]
    return add(_layer(rng, value, most_outputs, sums=rng.random() < 0.3), last)


def _merge(rng, add, values, a, b):
    """Add where both are integers, of one shape; else side by side; else by what they have."""
    one, other = values[a], values[b]
    if isinstance(one.kind, Levels) and isinstance(other.kind, Integers):
        a, b, one, other = b, a, other, one
    if isinstance(one.kind, Integers) and isinstance(other.kind, Levels):
        b = add(_affine(rng, other), b)
    elif isinstance(one.kind, Levels) and one.kind != other.kind:
        a, b = add(_affine(rng, one), a), add(_affine(rng, other), b)
    one, other = values[a], values[b]
    if one.shape == other.shape and isinstance(one.kind, Integers) and rng.random() < 0.7:
        return add(Add() if rng.random() < 0.5 else Add(-100, 100), a, b)
    return add(Concat(), a, b)


def _on_integers(rng, kind, value):
    if kind == "sum" and len(value.shape) == 3:
        return _sum_pool(rng)
    if kind == "affine":
        return _affine(rng, value)
    if kind == "prelu":
        c = value.channels
        small = [rng.integers(-20, 21, c) for _ in range(3)]
        return PReLU(small[0], int(rng.integers(0, 6)), small[1], small[2])
    return _threshold(rng, value)


def _threshold(rng, value):
    return Threshold(_rows(rng, value.channels, value.kind.low, value.kind.high))


def _rows(rng, outputs, low, high):
    """Thresholds of all forms: bits, levels, some out of reach."""
    top = int(rng.choice([1, 1, 2, 3, MOST_LEVEL]))
    spread = max(1, (high - low) // 4)
    middle = (low + high) // 2
    rows = np.sort(rng.integers(middle - spread, middle + spread + 1, (outputs, top)), axis=1)
    rows = rows.clip(-(1 << 31), (1 << 31) - 1)
    return rows[:, 0] if top == 1 and rng.random() < 0.8 else rows


def _layer(rng, value, most_outputs, sums=False, same=False):
    out = int(rng.integers(1, most_outputs + 1))
    reach = value.kind.high
    if len(value.shape) == 1 or (not same and rng.random() < 0.15):
        fan_in = value.size
        threshold = None if sums else _rows(rng, out, -reach * fan_in, reach * fan_in)
        return Linear(rng.random((out, fan_in)) < 0.5, threshold)
    out = value.channels if same else out
    kernel = (3, 3) if same else tuple(int(k) for k in rng.integers(1, 4, 2))
    fan_in = kernel[0] * kernel[1] * value.channels
    spread = int(np.sqrt(fan_in)) * reach
    threshold = None if sums else _rows(rng, out, -spread, spread)
    padding = (1, 1) if same else tuple(int(p) for p in rng.integers(0, 2, 2))
    stride = 1 if same else tuple(int(s) for s in rng.integers(1, 3, 2))
    weight = rng.random((out, *kernel, value.channels)) < 0.5
    return Conv2d(weight, threshold, stride, padding, int(rng.integers(0, value.kind.top + 1)))


def _affine(rng, value):
    c = value.channels
    return Affine(
        rng.integers(-50, 51, c), rng.integers(-2000, 2001, c), int(rng.integers(0, 8)), -999, 999
    )


def _sum_pool(rng):
    return SumPool2d("all") if rng.random() < 0.3 else SumPool2d(2, int(rng.integers(1, 3)))


def draw_values(rng, net, count):
    """Images that a network takes."""
    return rng.integers(0, 1 << net.input_bits, (count, *net.input_shape), dtype=np.uint8)


def shortcut28(channels=16):
    """A stem, a block with a shortcut around it, and features, with random weights."""
    rng = np.random.default_rng(0)

    def convolution(inputs, **options):
        return Conv2d(rng.random((channels, 3, 3, inputs)) < 0.5, None, **options)

    def scale(low, high, shift):
        factors, offsets = rng.integers(low, high, channels), rng.integers(-500, 500, channels)
        return Affine(factors, offsets, shift, -2048, 2047)

    def sign(reach):
        return Threshold(rng.integers(-reach, reach, channels))

    nodes = {
        "stem": (convolution(1, stride=(2, 2), padding=(1, 1), pad_value=128), "input"),
        "norm": (scale(3, 9, 6), "stem"),
        "sign": (sign(60), "norm"),
        "conv": (convolution(channels, padding=(1, 1)), "sign"),
        "scaled": (scale(20, 60, 4), "conv"),
        "sum": (Add(), "scaled", "norm"),
        "sign2": (sign(60), "sum"),
        "conv2": (convolution(channels, stride=(2, 2), padding=(1, 1)), "sign2"),
        "out": (sign(8), "conv2"),
    }
    return Network((28, 28, 1), 8, nodes)
