"""The options by which a command chooses an accelerator."""

from collections.abc import Callable
from typing import Any

import click

from bitlight.cli import sources
from bitlight.errors import FoldingError


def folding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--cycles to --dataflow, and --project; a command hands them to `accelerator`."""
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
        click.option(
            "--project", type=click.IntRange(1), help="Optical components made of the features."
        ),
        click.option("--project-seed", type=int, default=0, show_default=True),
        click.option(
            "--project-shift",
            type=click.IntRange(0),
            help="Of re² + im². By default some 0.5 % saturate if half of the features are 1.",
        ),
        click.option(
            "--project-fold",
            default="32,1",
            show_default=True,
            help="Features in a beat, and components at once, as in 32,8.",
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
    project: int | None = None,
    project_seed: int = 0,
    project_shift: int | None = None,
    project_fold: str = "32,1",
) -> Any:
    """The accelerator that the options ask for."""
    from bitlight.optics.twin import default_shift
    from bitlight_hw import Accelerator, Projection, fold

    if sum(choice is not None for choice in (cycles, luts, folding)) > 1:
        raise FoldingError("give one of --cycles, --luts and --folding")
    net = sources.network(network)
    folded = fold(net, cycles, luts) if folding is None else pairs(network, folding)
    flows = dataflow.split("/") if dataflow and "/" in dataflow else dataflow
    if project is None:
        return Accelerator(net, folded, flows)
    try:
        lanes, components = map(int, project_fold.split(","))
    except ValueError:
        raise FoldingError(f"--project-fold is written like 32,8, not {project_fold!r}") from None
    shift = default_shift(net.n_features) if project_shift is None else project_shift
    return Accelerator(
        net, folded, flows, Projection(project, project_seed, shift, lanes, components)
    )


def pairs(network: str, folding: str) -> list[tuple[int, ...]]:
    """What --folding says: (PE, SIMD) of each layer that computes."""
    if folding == "published":
        from bitlight_hw.published import FOLDINGS

        name = network.partition(":")[0]
        if name not in FOLDINGS:
            raise FoldingError(f"foldings are published for {', '.join(FOLDINGS)}, not {network}")
        return [*FOLDINGS[name]]
    try:
        return [tuple(int(n) for n in pair.split(",")) for pair in folding.split("/")]
    except ValueError:
        raise FoldingError(f"--folding is written like 16,3/32,32, not {folding!r}") from None
