"""The option that sends work on chunks to the workers of a Dask cluster."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

dask_option = click.option(
    "--dask",
    metavar="ADDRESS",
    help="Of a Dask scheduler, whose workers do it chunk by chunk; `local` or `local:N` starts "
    "workers on this machine.",
)


def dask_client(address: str | None) -> AbstractContextManager[Any]:
    """A client of that address for as long as a block runs; None where there is no address."""
    if address is None:
        return nullcontext()
    from bitlight.cluster import connected

    return connected(address)
