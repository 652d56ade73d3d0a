"""Jobs on the workers of a Dask cluster: connected safely, each item done by one of them."""

from bitlight.cluster.connection import connect
from bitlight.cluster.job import Job
from bitlight.cluster.spreading import spread

__all__ = ["Job", "connect", "spread"]
