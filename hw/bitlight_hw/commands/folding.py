"""The options by which a command chooses an accelerator."""

from collections.abc import Callable
from typing import Any

import click

from bitlight.cli import sources
from bitlight.cli.pairs import pairs
from bitlight.console.progress import working
from bitlight.errors import FoldingError
from bitlight.network.network import Network

bus_option = click.option(
    "--bus",
    type=click.Choice(["stream", "axi"]),
    default="stream",
    show_default=True,
    help="Bare streams of beats, or AXI4-Stream frames with AXI4-Lite registers.",
)


def folding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--cycles to --dataflow, and --project; a command hands them to `accelerator`."""
    options = [
        click.option(
            "--cycles", type=click.IntRange(1), help="Interval to reach, in cycles per image."
        ),
        click.option(
            "--luts",
            type=click.IntRange(1),
            help="Look-up tables of the target that it may take: the fastest that fits; with "
            "--cycles, only one that reaches these.",
        ),
        click.option(
            "--fill",
            is_flag=True,
            help="The most images/s, at the predicted clock, that fits the FPGA of --target.",
        ),
        click.option(
            "--reach",
            type=click.FloatRange(0, min_open=True),
            help="With --fill, MHz that it is predicted to reach: the fewest cycles that do.",
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
    fill: bool = False,
    reach: float | None = None,
    folding: str | None = None,
    dataflow: str | None = None,
    project: int | None = None,
    project_seed: int = 0,
    project_shift: int | None = None,
    project_fold: str = "32,1",
    target: str = "xc7",
    bus: str = "stream",
) -> Any:
    """The accelerator that the options ask for; it says that this is being planned.

    Parameters
    ----------
    target : str
        Family or part whose tables `luts` are, and into which that folding must fit; with `fill`
        a part.
    bus : "stream" or "axi"
        With `luts` or `fill`, what is around the accelerator counts.
    """
    from bitlight_hw import Accelerator, fold

    if folding is not None and (cycles is not None or luts is not None or fill):
        raise FoldingError("give --cycles, --luts or --fill, or else --folding")
    if fill and cycles is not None:
        raise FoldingError("give --fill or --cycles: --fill asks for the most images/s")
    if reach is not None and not fill:
        raise FoldingError("--reach goes with --fill: what a folding reaches is always told")
    net = sources.network(network)
    flows = dataflow.split("/") if dataflow and "/" in dataflow else dataflow
    projection = _projection(net, project, project_seed, project_shift, project_fold)
    with working("planning"):  # of a large graph, a minute or two
        if folding is not None:
            return Accelerator(net, pairs(network, folding), flows, projection)
        if luts is None and not fill:
            return Accelerator(net, fold(net, cycles), flows, projection)
        filling, within = {"part": target, "clock": reach}, {"cycles": cycles, "target": target}
        chosen = filling if fill else within
        return _within(net, luts, target, bus, flows, projection, chosen)


def _within(
    net: Network,
    luts: int | None,
    target: str,
    bus: str,
    flows: Any,
    projection: Any,
    chosen: dict[str, Any],
) -> Any:
    """The fastest that fits with all that is around it: what that takes is put aside."""
    from bitlight_hw import Accelerator, fold
    from bitlight_hw.estimate import Estimate, tables
    from bitlight_hw.layerplans import around
    from bitlight_hw.parts import part

    device = part(target)
    most = device.cells if luts is None else luts
    inside, blocks = most, device.blocks
    while inside is None or inside > 0:
        folded = fold(net, luts=inside, blocks=blocks, **chosen)
        acc = Accelerator(net, folded, flows, projection)
        taken = Estimate.total(acc.estimate(device.family.name).values())
        taken += Estimate.total(around(acc, bus, device.family).values())
        beyond = 0 if most is None else tables(taken) - most
        if device.cells is not None:
            beyond = max(beyond, device.family.occupied(taken) - device.cells)
        too_many = 0 if device.blocks is None else taken.blocks - device.blocks
        if beyond <= 0 and too_many <= 0:
            return acc
        inside = None if inside is None else inside - max(beyond, 0)
        blocks = blocks and max(0, blocks - max(too_many, 0))
    raise FoldingError(f"no folding fits {most:,} look-up tables with what is around it")


def _projection(net: Network, project: int | None, seed: int, shift: int | None, fold: str) -> Any:
    from bitlight.optics.twin import default_shift
    from bitlight_hw import Projection

    if project is None:
        return None
    try:
        lanes, components = map(int, fold.split(","))
    except ValueError:
        raise FoldingError(f"--project-fold is written like 32,8, not {fold!r}") from None
    if shift is None:
        shift = default_shift(net.n_features)
    return Projection(project, seed, shift, lanes, components)
