"""What a network costs: parameters and products of each precision, layer by layer."""

import io
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bitlight.network.layers import Conv2d, Layer, Linear
from bitlight.network.network import Network
from bitlight.network.values import Shape

WIDTH = 100


@dataclass(frozen=True, order=True)
class Parameters:
    """So many numbers of so many bits: weights, thresholds, or what batch norm keeps."""

    bits: int
    count: int


@dataclass(frozen=True, order=True)
class Macs:
    """Products for one image, of a weight and an input of so many bits, and their sum."""

    weight_bits: int
    input_bits: int
    count: int

    @property
    def precision(self) -> str:
        """`1×8-bit` for a weight of one bit and an input of eight."""
        return f"{self.weight_bits}×{self.input_bits}-bit"


@dataclass(frozen=True)
class SummaryRow:
    """One layer.

    Attributes
    ----------
    name : str
        Its index in a `Network`, its path in a torch module.
    type : str
    output_shape : tuple of int
        Of one image: (H, W, C) in a `Network`, (C, H, W) in torch.
    parameters : tuple of Parameters, one for each number of bits
    macs : Macs or None
        Products with padding are counted, because they are computed.
    """

    name: str
    type: str
    output_shape: Shape
    parameters: tuple[Parameters, ...]
    macs: Macs | None

    @property
    def memory_bits(self) -> int:
        """Bits of all parameters."""
        return sum(some.bits * some.count for some in self.parameters)


@dataclass(frozen=True)
class Summary:
    """A network, layer by layer, and in all; `str` makes a table of 100 columns.

    Attributes
    ----------
    name : str
    rows : tuple of SummaryRow
    """

    name: str
    rows: tuple[SummaryRow, ...]

    @property
    def parameters(self) -> tuple[Parameters, ...]:
        """All parameters, those of the fewest bits first."""
        counts: Counter[int] = Counter()
        for some in (some for row in self.rows for some in row.parameters):
            counts[some.bits] += some.count
        return tuple(Parameters(bits, counts[bits]) for bits in sorted(counts))

    @property
    def macs(self) -> tuple[Macs, ...]:
        """All products, those of the fewest bits first."""
        counts: Counter[tuple[int, int]] = Counter()
        for macs in (row.macs for row in self.rows if row.macs):
            counts[macs.weight_bits, macs.input_bits] += macs.count
        return tuple(Macs(*bits, counts[bits]) for bits in sorted(counts))

    @property
    def memory_bits(self) -> int:
        """Bits of all parameters."""
        return sum(row.memory_bits for row in self.rows)

    @property
    def float_bits(self) -> int:
        """Bits of as many parameters in float32."""
        return 32 * sum(some.count for some in self.parameters)

    @property
    def ratio(self) -> float:
        """How many times as large the parameters would be in float32."""
        return self.float_bits / self.memory_bits if self.memory_bits else 1.0

    @property
    def binary_share(self) -> float:
        """Share of the products that are of one bit by one bit, XNOR gates in hardware."""
        binary = sum(macs.count for macs in self.macs if macs.precision == "1×1-bit")
        return binary / (sum(macs.count for macs in self.macs) or 1)

    def __str__(self) -> str:
        file = io.StringIO()
        console = Console(
            file=file, width=WIDTH, force_terminal=False, color_system=None, legacy_windows=False
        )
        console.print(_table(self))
        lines = [line.rstrip() for line in file.getvalue().splitlines() if line.strip()]
        return "\n".join([*lines, _in_words(self)])


def summarize(net: Network) -> Summary:
    """Count what a network consists of; `bitlight.nn.summary` does the same for torch modules.

    Thresholds count as parameters of 32 bits, as they are in a `Network`; in hardware each has as
    many bits as its sums need.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear
    >>> net = Network((4,), 1, [Linear(np.array([[True, True, False, False]]), np.array([2]))])
    >>> figures = summarize(net)
    >>> figures.parameters
    (Parameters(bits=1, count=4), Parameters(bits=32, count=1))
    >>> figures.macs[0].precision, figures.macs[0].count
    ('1×1-bit', 4)
    """
    rows = (
        _row(node.name, node.layer, node.value.shape, net.takes(index).kind.bits)
        for index, node in enumerate(net.nodes)
    )
    return Summary(f"network {net.id[:12]}", tuple(rows))


def count_macs(output_shape: Iterable[int], fan_in: int, weight_bits: int, input_bits: int) -> Macs:
    """The products of a layer: `fan_in` for each value of its output."""
    return Macs(weight_bits, input_bits, math.prod(output_shape) * fan_in)


def _row(name: str, layer: Layer, output_shape: Shape, depth: int) -> SummaryRow:
    kind = type(layer).__name__
    if not isinstance(layer, Conv2d | Linear):
        return SummaryRow(name, kind, output_shape, (), None)
    parameters = [Parameters(1, layer.weight.size)]
    if layer.threshold is not None:
        parameters.append(Parameters(32, layer.threshold.size))
    macs = count_macs(output_shape, layer.fan_in, weight_bits=1, input_bits=depth)
    return SummaryRow(name, kind, output_shape, tuple(parameters), macs)


def _table(figures: Summary) -> Table:
    widths = [some.bits for some in figures.parameters]
    precisions = [macs.precision for macs in figures.macs]
    table = Table(
        title=figures.name, title_justify="left", box=SIMPLE, show_footer=True, expand=False
    )
    total = [f"{some.count:,}" for some in figures.parameters]
    total += [_kib(figures.memory_bits), *(f"{macs.count:,}" for macs in figures.macs)]
    table.add_column("layer", "in all", overflow="fold")
    table.add_column("output", no_wrap=True)
    headers = [*(f"{bits}-bit\nparameters" for bits in widths), "KiB"]
    headers += [f"{precision}\nMACs" for precision in precisions]
    for header, footer in zip(headers, total, strict=True):
        table.add_column(header, footer, justify="right", no_wrap=True)
    for row in figures.rows:
        counts = {some.bits: some.count for some in row.parameters}
        cells = [f"{counts[bits]:,}" if bits in counts else "" for bits in widths]
        cells.append(_kib(row.memory_bits) if counts else "")
        cells += [
            f"{row.macs.count:,}" if row.macs and row.macs.precision == precision else ""
            for precision in precisions
        ]
        shape = "×".join(map(str, row.output_shape))
        table.add_row(f"{row.name} {row.type}".strip(), shape, *cells)
    return table


def _in_words(figures: Summary) -> str:
    return (
        f"  {_kib(figures.float_bits)} KiB if all parameters had 32 bits, "
        f"{figures.ratio:.1f} times as much; {figures.binary_share:.1%} of the MACs are 1×1-bit"
    )


def _kib(bits: int) -> str:
    return f"{bits / 8192:,.2f}"
