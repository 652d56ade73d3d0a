"""Optical projection of chunks where the workers are."""

from pathlib import Path

from bitlight.cluster.filling import shared
from bitlight.cluster.spreading import Work
from bitlight.optics.features import OpticalFeatures
from bitlight.store.projecting import project_chunk


class Projecting(Work):
    """Projects chunks of one store into another.

    Parameters
    ----------
    source, target : Path
        Of the stores.
    optics : OpticalFeatures
        Fitted.
    """

    def __init__(self, source: Path, target: Path, optics: OpticalFeatures) -> None:
        self.source, self.target, self.optics = source, target, optics

    def __call__(self, chunk: int) -> bool:
        """Write a chunk; False if another process has it, or has done it."""
        return project_chunk(shared(self.source), shared(self.target), self.optics, chunk)
