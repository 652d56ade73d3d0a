"""The options by which a command chooses an accelerator."""

from collections.abc import Callable
from typing import Any

import click

from bitlight.cli import sources
from bitlight.errors import FoldingError


def folding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--cycles, --luts, --folding and --dataflow; a command hands them to `accelerator`."""
    options = [
        click.option(
            "--cycles", type=click.IntRange(1), help="Interval to reach, in cycles per image."
        ),
        click.option(
            "--luts", type=click.IntRange(1), help="Look-up tables (xc7) that it may take."
        ),
        click.option(
            "--folding",
            help="PE,SIMD of each Conv2d and Linear, as in 16,3/32,32/16,32; or published, for "
            "tfc, sfc, lfc and cnv.",
        ),
        click.option(
            "--dataflow",
            help="output or input, for each Conv2d and Linear as in output/input, or one for all: "
            "what stays in the unit. By default the one with the shortest latency.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def accelerator(
    network: str,
    cycles: int | None = None,
    luts: int | None = None,
    folding: str | None = None,
    dataflow: str | None = None,
) -> Any:
    """The accelerator that the options ask for."""
    from bitlight_hw import Accelerator, fold

    if sum(choice is not None for choice in (cycles, luts, folding)) > 1:
        raise FoldingError("give one of --cycles, --luts and --folding")
    net = sources.network(network)
    pairs = fold(net, cycles, luts) if folding is None else _pairs(network, folding)
    flows = dataflow.split("/") if dataflow and "/" in dataflow else dataflow
    return Accelerator(net, pairs, flows)


def _pairs(network: str, folding: str) -> list[tuple[int, ...]]:
    if folding == "published":
        from bitlight_hw.published import FOLDINGS

        if network not in FOLDINGS:
            raise FoldingError(f"foldings are published for {', '.join(FOLDINGS)}, not {network}")
        return [*FOLDINGS[network]]
    try:
        return [tuple(int(n) for n in pair.split(",")) for pair in folding.split("/")]
    except ValueError:
        raise FoldingError(f"--folding is written like 16,3/32,32, not {folding!r}") from None
