"""The top command, and how errors reach the user: one line, exit code 2."""

import errno
import os
import sys

import click

from bitlight import plugins
from bitlight.cli.cache import cache
from bitlight.cli.completion import completion
from bitlight.cli.doctor import doctor
from bitlight.cli.environment import (
    keep_own_files_readable,
    say_in_any_encoding,
    share_cache,
)
from bitlight.cli.exchange import export, import_
from bitlight.cli.features import features
from bitlight.cli.heads import head
from bitlight.cli.inspect import inspect
from bitlight.cli.optics import project
from bitlight.cli.predict import predict
from bitlight.cli.stopping import Stopped, stoppable
from bitlight.cli.store import store
from bitlight.cli.training import train
from bitlight.console.printable import in_one_line
from bitlight.errors import BitlightError
from bitlight.files import scratch


class Commands(click.Group):
    """Our commands, and those that higher packages bring as entry points of `bitlight.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({*self.commands, *plugins.names("bitlight.commands")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name, or None; BitlightError if what it needs is not installed."""
        found = self.commands.get(cmd_name)
        if found is None and cmd_name in plugins.names("bitlight.commands"):
            found = plugins.load("bitlight.commands", cmd_name)
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bitlight")
@click.option("--debug", is_flag=True, help="Show the whole trace of an error.")
def cli(debug: bool) -> None:
    """Binary neural networks as fixed hardware feature extractors.

    NETWORK is a .bnn file, or the name of a network that comes with bitlight: natural32 for
    photographs, fashion28 and fashion32, the layers that give features (fashion28:whole has its own
    classifier as well), or one of the topologies tfc, sfc, lfc, cnv, vgg32, alexnet, small28 and
    sampler, whose weights are random. NETWORK:N is its first N layers. Each command says which
    network it uses.

    IMAGES is a data set (animals, animals:train, animals:test, digits, fashion-mnist:train,
    fashion-mnist:test), random or random:COUNT (noise that fits any network),
    a .npy file of uint8, or a folder with one sub-folder of images for each class. Of CIFAR-10 and
    CIFAR-100 (cifar-10-batches-py:train, also as .tar.gz), Tiny ImageNet (tiny-imagenet-200:val),
    STL-10, SVHN, and folders that hold train/ and test/ or val/, a part is named: PATH:train.

    \b
    bitlight doctor                            what is here, what is missing, how to get it
    bitlight demo                              everything once, on real images
    bitlight train fashion28 fashion-mnist:train build/small   a network of your own
    bitlight inspect fashion28                 what is in a network
    bitlight import cnv.onnx cnv.bnn           a network from Brevitas, by way of QONNX
    bitlight export fashion28:whole net.onnx   a network for FINN, as QONNX
    bitlight plan fashion28 --cycles 20000     cycles, memory and area of a folding
    bitlight explore cnv --target ecp5-85k     thousands of foldings, and which are the best
    bitlight report fashion28 animals:test     a page with all of it, drawn
    bitlight verilog fashion28 acc.v           the accelerator as Verilog
    bitlight simulate fashion28 animals -n 50  its RTL against the golden model
    bitlight synth fashion28 --target xc7      its area and clock frequency
    bitlight board build icebreaker small28    a bitstream for a board
    bitlight features fashion28 animals:train a.npz  binary features of a data set
    bitlight features fashion28 animals:test b.npz
    bitlight features fashion28 photos features/   the same into a store, resumable, of any size
    bitlight store check features/             what is there, and whether it is whole
    bitlight project a.npz o.npz --components 4000  their optical projection
    bitlight head train a.npz head.safetensors   a last layer trained on them
    bitlight head score head.safetensors b.npz   its accuracy on others
    bitlight head train photos my.head --extractor fashion32   both in one, from photographs
    bitlight predict my.head photo.jpg --top 3   what is on a photograph
    bitlight reproduce leroux-table2 --quick   the papers' experiments
    """


for command in (
    inspect,
    import_,
    export,
    features,
    store,
    project,
    head,
    predict,
    train,
    cache,
    doctor,
    completion,
):
    cli.add_command(command)


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def main() -> None:
    """Run the command line.

    Examples
    --------
    >>> import subprocess
    >>> command = [sys.executable, "-m", "bitlight.cli", "--version"]
    >>> subprocess.run(command, capture_output=True, text=True).stdout.split()[-2]
    'version'
    """
    debug = "--debug" in sys.argv[1:2]
    keep_own_files_readable()
    say_in_any_encoding()
    share_cache()
    scratch.sweep_everywhere()
    try:
        with stoppable(), plugins.saying_what_is_missing():
            cli.main(standalone_mode=False)
            sys.stdout.flush()
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except (click.Abort, KeyboardInterrupt) as stop:
        cause = stop.__cause__ or stop  # click makes an Abort of what it was interrupted by
        click.echo("interrupted", err=True)
        sys.exit(cause.code if isinstance(cause, Stopped) else 130)
    except BrokenPipeError:
        # Who reads has had enough; Python itself would complain when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except click.ClickException as error:
        click.echo(f"error: {in_one_line(error.format_message())}", err=True)
        sys.exit(2)
    except BitlightError as error:
        if debug:
            raise
        click.echo(f"error: {in_one_line(error)}", err=True)
        sys.exit(2)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in FULL:
            click.echo(f"error: {in_one_line(error)}", err=True)
            sys.exit(2)
        what = in_one_line(f"{type(error).__name__}: {error}")
        click.echo(
            f"internal error: {what:.300}; `bitlight --debug …` shows where, please report it",
            err=True,
        )
        sys.exit(70)
