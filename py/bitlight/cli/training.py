"""`bitlight train`: from a topology and images to a frozen network that was checked."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bitlight import Network, data, extractors
from bitlight.cli import sources
from bitlight.cli.paths import IMAGES, Input, Output, no_images
from bitlight.cli.reading import Reading, photograph_options
from bitlight.cli.report import json_option, show_table, write_json
from bitlight.data.labelled import Pixels
from bitlight.errors import DataError, TrainingError
from bitlight.extractors.shipped import CUTS
from bitlight.zoo.topologies import DESIGNS

if TYPE_CHECKING:
    from bitlight.training import Samples
    from bitlight.zoo.designs import Design

RECIPE_OPTIONS = {
    "epochs": click.option("--epochs", type=click.IntRange(1)),
    "batch_size": click.option("--batch-size", type=click.IntRange(1)),
    "learning_rate": click.option("--learning-rate", type=float, help="Its peak."),
    "schedule": click.option("--schedule", type=click.Choice(["cosine", "step"])),
    "label_smoothing": click.option("--label-smoothing", type=float),
    "shift": click.option("--shift", type=int, help="Pixels that images move at most."),
    "flip": click.option("--flip/--no-flip", default=None, help="Mirror half of the images."),
    "cutout": click.option("--cutout", type=int, help="Side of a square that becomes black."),
    "dropout": click.option("--dropout", type=float, help="Behind fully connected layers."),
    "estimator": click.option(
        "--estimator", type=click.Choice(["ste", "approx-sign", "swish-sign"])
    ),
    "pad_bit": click.option("--pad-bit", type=int, help="Outside of binary images: 0 or 1."),
    "precision": click.option("--precision", type=click.Choice(["float32", "bfloat16", "float16"])),
    "distill": click.option("--distill", type=float, help="Weight of the teacher's answers."),
    "temperature": click.option("--temperature", type=float, help="Of the teacher's answers."),
    "weight_decay": click.option("--weight-decay", type=float, help="For float twins."),
    "fine_tune": click.option(
        "--fine-tune", type=int, help="Last epochs, on the integers' grid, of shortcuts."
    ),
    "settle": click.option(
        "--settle",
        type=click.IntRange(0),
        help="So many training images, as they are, settle batch norm after the last step.",
    ),
    "accumulate": click.option("--accumulate", type=int, help="Pieces of a batch."),
    "seed": click.option("--seed", type=click.IntRange(0)),
}


def _recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(RECIPE_OPTIONS.values()):
        command = option(command)
    return command


@click.command(
    epilog="Next: bitlight inspect FOLDER/network.bnn, bitlight features FOLDER/network.bnn "
    "IMAGES OUT."
)
@click.argument("topology", type=click.Choice(sorted(DESIGNS)))
@click.argument("images", type=IMAGES)
@click.argument("folder", type=Output(file_okay=False, path_type=Path))
@click.option("-n", "--number", type=click.IntRange(1), help="Train on the first so many images.")
@click.option(
    "--test", "test_images", type=IMAGES, help="Images for the accuracy that is told at the end."
)
@click.option("--curve", is_flag=True, help="Note the accuracy on them behind every epoch.")
@click.option("--float-twin", is_flag=True, help="Train the float network of the same shape.")
@click.option(
    "--teacher",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of a float twin's run, whose answers this one learns.",
)
@click.option(
    "--start",
    type=Input(CUTS),
    help="With what this one begins: a frozen network of the same shape, a .bnn file or one that "
    "comes with bitlight, or the folder of a run of the same network.",
)
@click.option("--width", type=float, default=1, help="Factor of channels, but for the last.")
@click.option(
    "--software-head",
    is_flag=True,
    help="Train an extractor: its last layer is a float one, and is not frozen.",
)
@click.option(
    "--whole",
    is_flag=True,
    help="Read each image of a folder once, as `features` does, into memory.",
)
@click.option(
    "--leave-out",
    type=click.IntRange(2),
    help="Train without every so many-th class, of images in memory.",
)
@click.option("--input-bits", type=click.IntRange(1, 8), help="Of each value of the input.")
@click.option(
    "--levels",
    type=click.IntRange(1, 255),
    default=1,
    help="L of the activations' levels 0 to L: 1 is their sign, 3 are two bits.",
)
@_recipe_options
@click.option("--device", default="cpu", show_default=True, help="cpu, or cuda.")
@click.option("--threads", type=click.IntRange(1), help="On the CPU.")
@click.option("--workers", type=click.IntRange(0), default=0, help="Processes that read images.")
@photograph_options
@json_option
def train(
    topology: str,
    images: str,
    folder: Path,
    number: int | None,
    test_images: str | None,
    curve: bool,
    float_twin: bool,
    teacher: Path | None,
    start: str | None,
    width: float,
    software_head: bool,
    whole: bool,
    leave_out: int | None,
    input_bits: int | None,
    levels: int,
    device: str,
    threads: int | None,
    workers: int,
    reading: Reading,
    json_file: str | None,
    **options: Any,
) -> None:
    """Train TOPOLOGY on IMAGES, freeze it, compare every bit with torch, write FOLDER.

    FOLDER then holds network.bnn, result.json, history.json (the learning curve), checkpoint.pt,
    and a log for `tensorboard --logdir FOLDER`. A run that was interrupted goes on when the same
    command is given again, and ends with the same weights. What is not given comes from the
    topology's recipe (`bitlight.training.RECIPES`).

    \b
    bitlight train fashion28 fashion-mnist:train build/small --test fashion-mnist:test
    bitlight train cnv fashion-mnist:train build/twin --float-twin
    bitlight train cnv fashion-mnist:train build/cnv --teacher build/twin --distill 0.5
    bitlight train vgg32 photographs build/eyes --software-head --whole --shift 4
    bitlight train vgg32 photographs build/mine --start natural32 --whole --epochs 20
    bitlight train alexnet imagenet/train build/alexnet --test imagenet/val --device cuda

    IMAGES is a data set (`bitlight --help` says which), or a folder with one sub-folder of images
    for each class, as ImageNet is laid out: of each a random part is taken while training, upright,
    and the middle for tests; with --whole all of it, which --shift and --cutout then change. Files
    that are no images are named before the work begins. Several GPUs:
    `torchrun --nproc-per-node 4 -m bitlight.cli train …`.
    """
    import torch

    from bitlight.devices import check_device
    from bitlight.training import RECIPES, Recipe
    from bitlight.training.distributed import team_of_torchrun
    from bitlight.training.session import Session
    from bitlight.zoo.designs import Design

    check_device(device, TrainingError)
    given = {name: value for name, value in options.items() if value is not None}
    recipe = dataclasses.replace(RECIPES.get(topology, Recipe()), **given)
    if threads is not None:
        torch.set_num_threads(threads)
    design = Design(topology, width, input_bits, software_head, levels=levels)
    sources.tell_whole(images)
    moved = [name for name in ("shift", "cutout") if getattr(recipe, name)]
    samples = _samples(images, design, workers, reading, number, whole=whole, moved=moved)
    tests = None
    if test_images is not None:
        tests = _samples(test_images, design, workers, reading, whole=whole)
    if leave_out is not None:
        samples = _without(samples, leave_out)
        tests = None if tests is None else _without(tests, leave_out)
    with team_of_torchrun(device) as own:
        session = Session(design, recipe, folder, own, float_twin, teacher, _start(start))
        result = session.train(samples, tests, curve=curve)
    if result is not None:
        shown = [[name, value] for name, value in result.items() if name != "classes"]
        show_table(str(folder), ["", "value"], shown)
        write_json(json_file, result)


def _start(name: str | None) -> Path | Network | None:
    """A run's folder, or a frozen network."""
    if name is None or Path(name).is_dir():
        return None if name is None else Path(name)
    return extractors.load(name) if name in CUTS else Network.load(name)


def _samples(
    name: str,
    design: "Design",
    workers: int,
    reading: Reading,
    number: int | None = None,
    *,
    whole: bool,
    moved: Sequence[str] = (),
) -> "Samples":
    from bitlight.training import Arrays

    found, form = sources.labelled(name), (design.input_shape, design.bits)
    if found is None:
        raise no_images(name)
    if isinstance(found, Pixels):
        pixels = data.fit(found.images[:number], *form)
        return Arrays(pixels, found.labels[:number], found.names)
    if number is not None:
        raise DataError(f"--number takes the first images of a data set, not of the folder {name}")
    if whole or not sources.is_photographs(name):
        return sources.whole_photographs(found, *form, reading)
    if moved:
        raise DataError(
            f"--{moved[0]} acts on whole images, not on the random parts that are taken of those "
            "in a folder: give --whole as well"
        )
    return sources.photographs(found, *form, workers, reading)


def _without(samples: "Samples", every: int) -> "Samples":
    from bitlight.training import Arrays

    if not isinstance(samples, Arrays):
        raise DataError("--leave-out takes classes out of images in memory: give --whole as well")
    return samples.leave_out(every)
