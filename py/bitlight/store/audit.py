"""The other engine computes a sample of the features too, and every bit has to be the same."""

from collections.abc import Sequence

import numpy as np

from bitlight.engines import Compute
from bitlight.errors import SimulationError
from bitlight.network.network import Network


def chosen(samples: int, share: float, chunk: int) -> np.ndarray:
    """Which samples of a chunk are audited: sorted numbers, the same each time.

    Examples
    --------
    >>> len(chosen(1000, 0.01, 7)), len(chosen(1000, 0, 7)), len(chosen(3, 0.01, 7))
    (10, 0, 1)
    """
    count = int(np.ceil(share * samples))
    return np.sort(np.random.default_rng([chunk, samples]).permutation(samples)[:count])


def audit(
    net: Network,
    images: np.ndarray,
    features: np.ndarray,
    ids: Sequence[str],
    other: Compute,
    chunk: int,
) -> None:
    """Compare features with what the other engine gives for the same images.

    Raises
    ------
    SimulationError
        At the first different bit, with the id of its sample.
    """
    different = np.argwhere(other(images) != features)
    if len(different):
        row, bit = different[0]
        raise SimulationError(
            f"the engines differ: sample {ids[row]!r} of chunk {chunk}, feature {bit}, "
            f"{net.name_output(int(bit))}, "
            f"{len(different)} bits in all; the chunk is not kept"
        )
