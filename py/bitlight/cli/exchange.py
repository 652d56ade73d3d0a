"""Commands that read networks of other formats and write them."""

import dataclasses

import click

from bitlight.cli import sources
from bitlight.cli.layers import describe_codes, show_layers
from bitlight.cli.paths import NETWORK, Input, Output, random_weights_option
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import working
from bitlight.files.replacing import size_of


@click.command("import", epilog="Next: bitlight inspect NETWORK, bitlight plan NETWORK.")
@click.argument("model", type=Input())
@click.argument("out", type=Output(".bnn", dir_okay=False))
@click.option(
    "--body", is_flag=True, help="End before the first layer of other weights: its head is yours."
)
@json_option
def import_(model: str, out: str, body: bool, json_file: str | None) -> None:
    """Read MODEL, a network in QONNX as Brevitas exports it, and write OUT, a .bnn file.

    What the graph does to its input before the first quantiser becomes a table in OUT: the code of
    each value p of an 8-bit pixel, the graph taking p/255. What it does to the last sums becomes
    a scale and an offset for each class. Both are shown. A node that no binary network can compute
    is named.
    """
    from bitlight.network.inspection import inspect
    from bitlight.qonnx import Code, import_qonnx

    with working("importing"):
        imported = import_qonnx(model, body=body)
    imported.network.save(out)
    figures = inspect(imported.network)
    show_layers(f"{out}, id {figures.id}", figures, imported.nodes)
    output = imported.output
    ends = {
        "input": imported.input.description,
        "output": ("bits" if output.top == 1 else f"levels 0 … {output.top}")
        if isinstance(output, Code)
        else output.description,
        "pixels": describe_codes(imported.network),
    }
    show_table("", ["", "x is what the graph takes, and its sums"], list(ends.items()))
    write_json(json_file, dataclasses.asdict(figures) | ends | {"nodes": imported.nodes})


@click.command(epilog="Next: bitlight import reads it again.")
@click.argument("network", type=NETWORK)
@click.argument("out", type=Output(".onnx", dir_okay=False))
@click.option(
    "--batch", type=click.IntRange(1), default=1, show_default=True, help="Images at once."
)
@click.option(
    "--bare", is_flag=True, help="Without the codes of pixels and the scale of scores, if any."
)
@random_weights_option
@json_option
def export(
    network: str,
    out: str,
    batch: int,
    bare: bool,
    random_weights: bool,
    json_file: str | None,
) -> None:
    """Write NETWORK to OUT, an .onnx file in QONNX for qonnx and FINN.

    The graph takes float32 (batch, C, H, W) or (batch, n): pixels as they are, bits as −1 and +1.
    It gives scores, or bits as −1 and +1, in the order (h, w, c).
    """
    from bitlight.qonnx import export_qonnx

    net = sources.network(network, random_weights=random_weights)
    export_qonnx(net, out, batch, bare=bare)
    figures = {
        "network": net.id,
        "input": "BIPOLAR" if net.input_bits == 1 else f"UINT{net.input_bits}",
        "output": "scores" if net.gives_scores else "BIPOLAR",
        "values": net.n_features,
        "bytes": size_of(out),
    }
    show_table(out, ["", "value"], [[k, v] for k, v in figures.items()])
    write_json(json_file, figures)
