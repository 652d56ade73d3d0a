"""`bitlight energy`: what changes in the accelerator while images run through it."""

from typing import Any

import click

from bitlight.cli import sources
from bitlight.cli.paths import IMAGES, NETWORK, Output
from bitlight.cli.reading import Reading, reading_options
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import console, progress, working
from bitlight.files.replacing import replacing
from bitlight_hw.commands.folding import accelerator, folding_options
from bitlight_hw.commands.plan import finite_mhz


@click.command(epilog="Next: bitlight synth NETWORK --target TARGET, bitlight explore NETWORK.")
@click.argument("network", type=NETWORK)
@click.argument("images", type=IMAGES)
@click.option("-n", "--number", type=click.IntRange(1), help="Only the first so many images.")
@click.option("--processes", type=click.IntRange(1), default=2, show_default=True)
@click.option(
    "--target",
    type=click.Choice(["xc7", "ecp5", "ice40", "generic", "simulation"]),
    default="xc7",
    show_default=True,
    help="The form whose nets are counted, as of `bitlight verilog`.",
)
@click.option(
    "--saif",
    type=Output(".saif", dir_okay=False),
    help="Write the activity of each net, named as in the Verilog, for tools that compute power.",
)
@click.option(
    "--mhz",
    type=click.FloatRange(0, min_open=True),
    default=100.0,
    show_default=True,
    callback=finite_mhz,
    help="Clock, for durations in the SAIF file and for mW.",
)
@reading_options
@folding_options
@json_option
def energy(
    network: str,
    images: str,
    number: int | None,
    processes: int,
    target: str,
    saif: str | None,
    mhz: float,
    reading: Reading,
    json_file: str | None,
    **choice: Any,
) -> None:
    """Count what changes in the RTL of NETWORK while IMAGES run through it, unit by unit.

    The energies are estimates, from published energies of operations in an old process, to compare
    designs and data with; a vendor's power tool tells more, from the SAIF file. Ends with code 1 if
    a bit differs from the golden model.

    \b
    bitlight energy fashion28 fashion-mnist:test
    bitlight energy fashion28 animals -n 20 --processes 1 --saif build/fashion28.saif
    """
    from bitlight_sim import energy as estimates
    from bitlight_sim import saif as files
    from bitlight_sim import toolchain
    from bitlight_sim.activity import ActivitySimulator
    from bitlight_sim.mismatch import compare, describe

    toolchain.check("sliced")
    acc = accelerator(network, target="xc7" if target == "simulation" else target, **choice)
    batch = sources.images(images, acc.net, number, reading)[0]
    acc.net.check_images(batch)
    simulator = ActivitySimulator(acc, processes, target=target)
    with working("compiling the simulator"):
        simulator.build(len(batch))
    with progress("simulating", len(batch)) as done:
        out = simulator.run(batch, done)
    expected = acc.expected(batch)
    compared = compare(acc, out.features, expected)
    activity = simulator.activity
    units = estimates.by_unit(acc, activity)
    total = sum(unit.nj for unit in units)
    columns = ["unit", "nets", "changes", "% a cycle", "memory bits", "nJ, estimated"]
    show_table(
        f"{network} on {images}, for each image",
        columns,
        [
            [
                unit.name,
                unit.nets,
                round(unit.changes),
                f"{unit.share:.1%}"[:-1],
                round(unit.memory_bits),
                f"{unit.nj:,.2f}",
            ]
            for unit in units
        ]
        + [
            [
                "all",
                sum(unit.nets for unit in units),
                round(sum(unit.changes for unit in units)),
                "",
                round(sum(unit.memory_bits for unit in units)),
                f"{total:,.2f}",
            ]
        ],
    )
    milliwatts = total * mhz * 1e-3 / acc.cycles_per_image * 1e3
    console.print(
        f"an estimate: {total:,.1f} nJ an image, {milliwatts:,.2f} mW at {mhz:g} MHz, by "
        f"{estimates.SOURCE}",
        soft_wrap=True,
    )
    console.print(
        f"counted: {activity.runs:,} runs of {activity.images // activity.runs:,} images or so, "
        f"{activity.cycles:,} cycles in all",
        soft_wrap=True,
    )
    if saif is not None:
        with working("writing SAIF"):
            text = files.write(activity, acc.verilog(target), mhz)
        with replacing(saif) as file:
            file.write(text.encode())
    figures = {
        "network": acc.net.id,
        "target": target,
        "folding": acc.folding,
        "cycles_per_image": acc.cycles_per_image,
        **compared,
        "runs": activity.runs,
        "images": activity.images,
        "cycles": activity.cycles,
        "images_per_s": round(out.images_per_s, 3),
        "source": estimates.SOURCE,
        "pj": {
            "change": estimates.CHANGE_PJ,
            "product": estimates.ADD_PJ,
            "memory_bit": estimates.MEMORY_PJ,
        },
        "nj_estimated": total,
        "units": [unit.as_dict() for unit in units],
    }
    write_json(json_file, figures)
    if compared["bits_different"]:
        click.echo(describe(acc, out.features, expected), err=True)
        raise SystemExit(1)
