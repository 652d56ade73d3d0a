"""`bitlight reproduce`: the experiments of the two papers, as far as they are not done yet."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from bitlight.cli.paths import Input, Output
from bitlight.cli.report import json_option, write_json
from bitlight.console.progress import console, steps
from bitlight.zoo.topologies import TOPOLOGIES

FOLDER = Path("build/reproduce")


def _options(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What all experiments have."""
    options = [
        click.argument("targets", nargs=-1),
        click.option("--quick", is_flag=True, help="Fewer images, seeds and epochs: minutes."),
        click.option(
            "-o",
            "--folder",
            type=Output(file_okay=False, path_type=Path),
            help=f"For runs.jsonl, table.md and the figure; {FOLDER / name} or, with --quick, "
            f"{FOLDER / 'quick' / name} by default.",
        ),
        click.option("--threads", type=click.IntRange(1), help="By default one for each core."),
        click.option("--device", default="cpu", show_default=True, help="Of torch: cpu, or cuda."),
        json_option,
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_backbone_options = [
    click.option(
        "--backbone",
        type=click.Choice(["efficientnet-lite0", "densenet169"]),
        default="efficientnet-lite0",
        show_default=True,
    ),
    click.option(
        "--weights",
        default="pretrained",
        show_default=True,
        help="pretrained, random, or a file with the network's state_dict.",
    ),
    click.option(
        "--size", type=click.IntRange(32), help="Side of the images; 96, for densenet169 224."
    ),
]


def _with_backbone(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_backbone_options):
        command = option(command)
    return command


@click.group()
def reproduce() -> None:
    """Rerun the papers' experiments; what is done already is not done again.

    Each writes runs.jsonl (a line for each run, with seeds and versions), table.md (a table like
    the paper's, with the paper's own figures beside ours) and a figure. TARGETS are animals,
    digits, fashion5 (five classes of Fashion-MNIST, the extractor being trained on the others),
    fashion (a part of all ten), or folders that you have: flowers=DIR (Flowers-102 as the paper
    splits it), flowers-official=DIR, birds=DIR (CUB-200-2011), indoor=DIR (MIT Indoor-67),
    animals10=DIR, or folder=DIR with a sub-folder for each class, or with train/ and test/ that
    have one.
    """


@reproduce.command("leroux-table2")
@_options("leroux-table2")
@click.option(
    "--topology", type=click.Choice(sorted(TOPOLOGIES)), default="fashion28", show_default=True
)
@click.option(
    "--extractor",
    type=Input(dir_okay=False, path_type=Path),
    help="A .bnn file of that topology instead of the one that comes with bitlight.",
)
@click.option(
    "--pretrained",
    type=Input(file_okay=False, path_type=Path),
    help="The folder of `bitlight train --float-twin` of that topology.",
)
@click.option("--upto", type=click.IntRange(1), help="Layers that give the features.")
@click.option("--processes", type=click.IntRange(1), default=1, help="Of the RTL simulation.")
@click.option("--simulated", type=click.IntRange(1), help="Test images for the RTL, not all.")
def leroux_table2(
    targets: tuple[str, ...],
    quick: bool,
    folder: Path | None,
    threads: int | None,
    json_file: str | None,
    **options: Any,
) -> None:
    """Table 2 of Leroux et al.: a fixed binary extractor in hardware, its last layer retrained.

    Features of the test images come from the RTL simulation and are compared with the golden
    model's. A topology other than fashion28 needs networks trained on a large data set:

    \b
    bitlight train alexnet imagenet/train build/alexnet --device cuda
    bitlight train alexnet imagenet/train build/alexnet-float --float-twin --device cuda
    bitlight reproduce leroux-table2 flowers=flowers-102 birds=CUB_200_2011 indoor=indoor \\
      --topology alexnet --extractor build/alexnet/network.bnn --pretrained build/alexnet-float
    """
    from bitlight_lab.papers import leroux
    from bitlight_lab.papers.leroux.effort import FULL, QUICK
    from bitlight_lab.papers.leroux.experiment import TARGETS

    _run(leroux, "leroux-table2", quick, folder, threads, json_file, {
        "targets": targets or TARGETS,
        "effort": QUICK if quick else FULL,
        **options,
    })  # fmt: skip


@reproduce.command("optical-transfer")
@_options("optical-transfer")
@_with_backbone
@click.option("--images", type=click.IntRange(10), help="For training, at most; 2,000.")
@click.option(
    "--mirror",
    is_flag=True,
    help="Learn fixed features of mirrored training images, too: backprop sees them anyway.",
)
@click.option("--whole", is_flag=True, help="Every cut, all images: hours, or a GPU.")
def optical_transfer(
    targets: tuple[str, ...],
    quick: bool,
    folder: Path | None,
    threads: int | None,
    json_file: str | None,
    images: int | None,
    whole: bool,
    **options: Any,
) -> None:
    """Figures 5 and 6 of LightOn's article: accuracy and training time against model size.

    Layers are removed one by one; backprop against sign features, optical projection and ridge, and
    against ridge without projection.

    Three cuts, 2,000 training and 2,000 test images, unless there is --whole:

    bitlight reproduce optical-transfer animals10=animals10 --backbone densenet169 --whole
    """
    from bitlight_lab.papers import transfer
    from bitlight_lab.papers.transfer.experiment import FULL, QUICK, TARGETS, WHOLE

    effort = QUICK if quick else WHOLE if whole else FULL
    if images is not None:
        effort = replace(effort, train_images=images)

    _run(transfer, "optical-transfer", quick, folder, threads, json_file, {
        "targets": targets or (TARGETS[:1] if quick else TARGETS),
        "effort": effort,
        **options,
    })  # fmt: skip


@reproduce.command("precision-table")
@_options("precision-table")
@_with_backbone
@click.option("--stage", help="The last stage that is kept, as `head` or `denseblock4 layer 12`.")
def precision_table(
    targets: tuple[str, ...],
    quick: bool,
    folder: Path | None,
    threads: int | None,
    json_file: str | None,
    **options: Any,
) -> None:
    """Table 1 of LightOn's article: features in float32, half and int8.

    int8 is ONNX Runtime's static quantisation, calibrated on training images; TensorRT computes
    the same files where this ONNX Runtime has it.
    """
    from bitlight_lab.papers import precision
    from bitlight_lab.papers.precision.experiment import FULL, QUICK

    _run(precision, "precision-table", quick, folder, threads, json_file, {
        "targets": targets or ("animals",),
        "effort": QUICK if quick else FULL,
        **options,
    })  # fmt: skip


def _run(
    experiment: Any,
    name: str,
    quick: bool,
    folder: Path | None,
    threads: int | None,
    json_file: str | None,
    setting: dict[str, Any],
) -> None:
    import torch

    from bitlight_lab.benchmarks.harness import cores

    torch.set_num_threads(threads or cores())
    folder = folder or (FOLDER / "quick" / name if quick else FOLDER / name)
    folder.mkdir(parents=True, exist_ok=True)
    with steps() as say:
        found = experiment.run(experiment.Setting(folder=folder, **setting), say)
    console.print((folder / "table.md").read_text(encoding="utf-8"), markup=False, soft_wrap=True)
    console.print(f"raw results, table and figure are in {folder}", soft_wrap=True)
    write_json(json_file, {"folder": str(folder), "runs": [asdict(run) for run in found]})
