"""The table of a network's layers."""

from collections.abc import Sequence

from bitlight.cli.report import show_table
from bitlight.network.inspection import Inspection
from bitlight.network.network import Network


def describe_codes(net: Network) -> str:
    """How 8-bit pixels become what a network takes."""
    if net.codes is not None:
        return "codes by the network's table" + (", for each channel" * (net.codes.ndim > 1))
    return "as they are" if net.input_bits == 8 else f"their upper {net.input_bits} bits"


def describe_scores(net: Network) -> str:
    """What is done to the scores before classes are compared."""
    return "compared as they are" if net.output_scale is None else "scaled, by class"


def show_layers(title: str, figures: Inspection, nodes: Sequence[str] = ()) -> None:
    """Print a row for each layer, with the node it was read from where there are nodes."""
    rows = [
        [
            row.index,
            row.description,
            "×".join(map(str, row.output_shape)),
            row.weight_bits,
            row.xnor_macs,
            "" if row.threshold_min is None else f"{row.threshold_min} … {row.threshold_max}",
        ]
        for row in figures.rows
    ]
    shape = "×".join(map(str, figures.input_shape))
    rows.append(["", f"all, for {shape} of {figures.input_bits} bits", "", figures.weight_bits])
    rows[-1] += [figures.xnor_macs, ""]
    columns = ["", "layer", "output", "bits of weight", "XNOR-MACs", "thresholds"]
    if nodes:
        columns.append("node")
        rows = [[*row, node] for row, node in zip(rows, [*nodes, ""], strict=True)]
    show_table(title, columns, rows)
