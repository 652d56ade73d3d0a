"""What a projection is, and how it is folded."""

from dataclasses import dataclass

import numpy as np

from bitlight.optics.twin import project
from bitlight_hw.optics.projector import Projector


@dataclass(frozen=True)
class Projection:
    """A projection of binary features, and how it is folded.

    Parameters
    ----------
    n_components : int
    seed : int, of the medium
    shift : int
        Of the sum of squares, before it saturates at 255: what an exposure is to a camera.
    lanes : int
        Features in one beat: 1, 2, 4, 8, 16 or 32.
    components : int
        Components at once; must divide `n_components`.

    Examples
    --------
    >>> bits = np.random.default_rng(0).integers(0, 2, (2, 64), dtype=np.uint8)
    >>> Projection(n_components=3, seed=1).of(bits).shape  # what the hardware gives for them
    (2, 3)
    """

    n_components: int
    seed: int = 0
    shift: int = 0
    lanes: int = 32
    components: int = 1

    def of(self, features: np.ndarray) -> np.ndarray:
        """Intensities of features, uint8 arrays of shape (N, n) and (N, n_components)."""
        return project(features, self.seed, self.n_components, self.shift)

    def projector(self, n_in: int) -> "Projector":
        """The unit for so many features."""
        return Projector(
            n_in,
            self.n_components,
            seed=self.seed,
            shift=self.shift,
            lanes=self.lanes,
            components=self.components,
        )
