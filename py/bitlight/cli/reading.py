"""The options of all commands that read files of images: how, and what of those that are bad."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import click

from bitlight.console.progress import progress
from bitlight.data.folder import image_files
from bitlight.data.placing import BACKGROUNDS, FITS, Background, Fit, Placing


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
    """

    placing: Placing = field(default_factory=Placing)
    skip_bad: bool = False
    known_bad: Sequence[str] | None = None


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
def looking(path: Path, reading: Reading) -> Iterator[Callable[[int], None]]:
    """Show the progress through a folder where all of its files have to be decoded."""
    if not reading.skip_bad or reading.known_bad:
        yield lambda files: None
        return
    with progress("looking for bad files", len(image_files(path)[0])) as done:
        yield done
