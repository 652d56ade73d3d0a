"""The table of a network's layers."""

from collections.abc import Sequence

from bitlight.cli.report import show_table
from bitlight.inspection import Inspection


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
