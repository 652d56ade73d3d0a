"""Where a bit turns over among the sums of a binary layer, found by asking, not by calculating.

Whatever stands between the sums and their sign, batch norm as torch rounds it or the nodes of an
ONNX file, ties fall as they fall there.
"""

from collections.abc import Callable

import numpy as np


def find_thresholds(
    bits: Callable[[np.ndarray], np.ndarray], reach: int, channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find where a monotonic bit becomes 1 among the sums a = −reach, −reach + 2, …, reach.

    Parameters
    ----------
    bits : function
        int64 sums, shape (channels,), to bool, shape (channels,); monotonic in each channel.
    reach : int
    channels : int

    Returns
    -------
    threshold : int32 array, shape (channels,)
        −reach where the bit is always 1, reach + 2 where it is never.
    flipped : bool array, shape (channels,)
        Where the bit falls as the sum rises: there the threshold holds for −a.

    Examples
    --------
    >>> find_thresholds(lambda a: a * np.array([1, -1]) >= 0, reach=3, channels=2)
    (array([1, 1], dtype=int32), array([False,  True]))
    """
    ends = np.full(channels, reach, np.int64)
    flipped = bits(-ends) & ~bits(ends)
    direction = np.where(flipped, -1, 1)
    below = np.zeros(channels, np.int64)  # how many of the sums have the bit 0
    for power in reversed(range((reach + 1).bit_length())):
        more = below + (1 << power)
        # Beyond the last sum there is none to ask: the last is asked, and not counted.
        asked = np.minimum(2 * (more - 1) - reach, reach)
        zero = ~bits(direction * asked)
        below = np.where(zero & (more <= reach + 1), more, below)
    return (2 * below - reach).astype(np.int32), flipped
