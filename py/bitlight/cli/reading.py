"""The options of all commands that read files of images: how, and what of those that are bad."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import click

from bitlight.console.progress import progress
from bitlight.data.placing import BACKGROUNDS, FITS, Background, Fit, Placing
from bitlight.data.splitting import Side, Split


@dataclass(frozen=True)
class Reading:
    """How files of images are read: what the options of `reading_options` say.

    Attributes
    ----------
    placing : Placing
    skip_bad : bool
        Leave files out that are no images.
    known_bad : sequence of str, optional
        Those that a store has left out before.
    split : Split, optional
        Which side of a division is taken.
    """

    placing: Placing = field(default_factory=Placing)
    skip_bad: bool = False
    known_bad: Sequence[str] | None = None
    split: Split | None = None


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that reads IMAGES, which it gets as `reading`."""

    @click.option(
        "--fit",
        type=click.Choice(FITS),
        default=Placing.fit,
        show_default=True,
        help="Of images that have another aspect: their middle, bars beside them, or stretched.",
    )
    @_background_option
    @_skip_bad_option
    @functools.wraps(command)
    def reading(*args: Any, fit: str, background: str, skip_bad: bool, **rest: Any) -> Any:
        placing = Placing(cast(Fit, fit), cast(Background, background))
        return command(*args, reading=Reading(placing, skip_bad), **rest)

    return reading


def split_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that take a part of IMAGES, below those of `reading_options`."""

    @click.option(
        "--split",
        "how",
        metavar="A:B|K/N",
        help="Divide IMAGES class by class: 80:20, or 2/5 for the second of five folds.",
    )
    @click.option(
        "--part",
        type=click.Choice(["train", "test"]),
        help="Of --split: what is left to train on, or what is tested on.",
    )
    @click.option(
        "--split-seed",
        type=click.IntRange(0),
        default=0,
        show_default=True,
        help="Of --split. Who comes where follows from it and the images' names alone.",
    )
    @functools.wraps(command)
    def splitting(
        *args: Any,
        reading: Reading,
        how: str | None,
        part: Side | None,
        split_seed: int,
        **rest: Any,
    ) -> Any:
        if (how is None) != (part is None):
            raise click.UsageError("--split and --part go together")
        if how is not None and part is not None:
            reading = dataclasses.replace(reading, split=Split(how, part, split_seed))
        return command(*args, reading=reading, **rest)

    return splitting


def photograph_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for training, which takes parts of images of any aspect."""

    @_background_option
    @_skip_bad_option
    @functools.wraps(command)
    def reading(*args: Any, background: str, skip_bad: bool, **rest: Any) -> Any:
        placing = Placing(background=cast(Background, background))
        return command(*args, reading=Reading(placing, skip_bad), **rest)

    return reading


_background_option = click.option(
    "--background",
    type=click.Choice(BACKGROUNDS),
    default=Placing.background,
    show_default=True,
    help="Where images are transparent, and of bars.",
)
_skip_bad_option = click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out files of a folder that are no images, and say which.",
)


def tell_skipped(skipped: Sequence[str]) -> None:
    """Say which files were left out."""
    if skipped:
        click.echo(f"left out, being no images: {len(skipped)} files", err=True)
        for file in skipped:
            click.echo(f"  {file}", err=True)


@contextmanager
def looking(files: int, reading: Reading) -> Iterator[Callable[[int], None]]:
    """Show the progress through so many files where all of them have to be decoded."""
    if not reading.skip_bad or reading.known_bad:
        yield lambda files: None
        return
    with progress("looking for bad files", files) as done:
        yield done
