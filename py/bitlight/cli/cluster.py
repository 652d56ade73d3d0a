"""The option that sends work on chunks to the workers of a Dask cluster."""

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

# local, local:4, tcp://10.0.0.1:8786, node7:8786, tls://[::1]:8786
_ADDRESS = re.compile(
    r"local(:[1-9]\d*)?|([a-z]+://)?([\w.-]+|\[[\da-fA-F:.%]+\]):\d{1,5}", re.ASCII
)


def _checked(context: click.Context, option: click.Parameter, address: str | None) -> str | None:
    if address is not None and not _ADDRESS.fullmatch(address):
        raise click.BadParameter(
            "workers on this machine are written like local:4, a scheduler like "
            f"tcp://10.0.0.1:8786, not {address!r}"
        )
    return address


dask_option = click.option(
    "--dask",
    metavar="ADDRESS",
    callback=_checked,
    help="Of a Dask scheduler, whose workers do it chunk by chunk; `local` or `local:N` starts "
    "workers on this machine.",
)


def dask_client(address: str | None) -> AbstractContextManager[Any]:
    """A client of that address for as long as a block runs; None where there is no address."""
    if address is None:
        return nullcontext()
    from bitlight.cluster import connect

    return connect(address)
