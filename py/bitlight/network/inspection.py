"""What a network consists of: the figures behind `bitlight inspect`."""

from dataclasses import dataclass

from bitlight.network.network import Network
from bitlight.network.summary import SummaryRow, summarize
from bitlight.network.values import Shape


@dataclass(frozen=True)
class LayerRow:
    """One layer.

    Attributes
    ----------
    index : int
    type : "Conv2d", "Linear" or "MaxPool2d"
    kernel, stride, padding : (rows, columns), or None where the layer has none
    pad_value : int or None
        What stands outside the image; None where nothing is padded.
    output_shape : (H, W, C) or (n,)
    weight_bits : int
    xnor_macs : int
        Products of one bit by one bit, and their sum, for one image. A product of a weight and a
        pixel of b bits counts as b of them. Padding is counted, because it is computed.
    threshold_min, threshold_max : int or None
        None for pools and for scores.
    """

    index: int
    type: str
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    padding: tuple[int, int] | None
    pad_value: int | None
    output_shape: Shape
    weight_bits: int
    xnor_macs: int
    threshold_min: int | None
    threshold_max: int | None

    @property
    def description(self) -> str:
        """Type and geometry in words, for a table.

        Examples
        --------
        >>> LayerRow(0, "MaxPool2d", (2, 2), (2, 2), None, None, (4, 4, 8), 0, 0, None, None
        ...     ).description
        'MaxPool2d 2x2, stride 2x2'
        """
        parts = [self.type if self.kernel is None else f"{self.type} {_times(self.kernel)}"]
        if self.stride is not None:
            parts.append(f"stride {_times(self.stride)}")
        if self.pad_value is not None and self.padding is not None:
            parts.append(f"padding {_times(self.padding)} of {self.pad_value}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Inspection:
    """A network: what goes in, its layers, and totals over them.

    Attributes
    ----------
    id : str
    input_shape : (H, W, C) or (n,)
    input_bits : int
    n_features : int
    gives_scores : bool
    rows : tuple of LayerRow
    weight_bits, xnor_macs : int
        Sums over the rows.
    """

    id: str
    input_shape: Shape
    input_bits: int
    n_features: int
    gives_scores: bool
    rows: tuple[LayerRow, ...]
    weight_bits: int
    xnor_macs: int


def inspect(net: Network) -> Inspection:
    """Describe a network, layer by layer.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear
    >>> net = Network((4,), 1, [Linear(np.array([[True, True, False, False]]), np.array([2]))])
    >>> figures = inspect(net)
    >>> figures.weight_bits, figures.xnor_macs, figures.rows[0].description
    (4, 4, 'Linear')
    """
    rows = tuple(_row(net, index, row) for index, row in enumerate(summarize(net).rows))
    return Inspection(
        id=net.id,
        input_shape=net.input_shape,
        input_bits=net.input_bits,
        n_features=net.n_features,
        gives_scores=net.gives_scores,
        rows=rows,
        weight_bits=sum(row.weight_bits for row in rows),
        xnor_macs=sum(row.xnor_macs for row in rows),
    )


def _row(net: Network, index: int, counted: SummaryRow) -> LayerRow:
    """What a layer has of these; what it lacks is None."""
    layer = net.layers[index]
    threshold = getattr(layer, "threshold", None)
    padding = getattr(layer, "padding", None)
    return LayerRow(
        index=index,
        type=counted.type,
        kernel=getattr(layer, "kernel", None),
        stride=getattr(layer, "stride", None),
        padding=padding,
        pad_value=getattr(layer, "pad_value", None) if padding and any(padding) else None,
        output_shape=counted.output_shape,
        weight_bits=sum(some.count for some in counted.parameters if some.bits == 1),
        xnor_macs=counted.macs.count * counted.macs.input_bits if counted.macs else 0,
        threshold_min=None if threshold is None else int(threshold.min()),
        threshold_max=None if threshold is None else int(threshold.max()),
    )


def _times(pair: tuple[int, int]) -> str:
    return f"{pair[0]}x{pair[1]}"
