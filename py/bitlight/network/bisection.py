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


def find_level_thresholds(
    levels: Callable[[np.ndarray], np.ndarray], top: int, reach: int, channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find where monotonic levels rise among the sums a = −reach, −reach + 2, …, reach.

    Parameters
    ----------
    levels : function
        int64 sums, shape (channels,), to levels 0 … top, shape (channels,).
    top, reach, channels : int

    Returns
    -------
    threshold : int32 array, shape (channels, top)
        Rows do not fall; the level is how many of its row a sum reaches.
    flipped : bool array, shape (channels,)
        Where levels fall as the sum rises: there the thresholds hold for −a.

    Examples
    --------
    >>> threshold, flipped = find_level_thresholds(lambda a: (a + 2) // 2, 2, reach=2, channels=1)
    >>> threshold, flipped
    (array([[0, 2]], dtype=int32), array([False]))
    """
    threshold = np.empty((channels, top), np.int32)
    flipped = np.zeros(channels, bool)
    for level in range(top):
        threshold[:, level], falls = find_thresholds(
            lambda a: levels(a) > level,  # noqa: B023
            reach,
            channels,
        )
        flipped |= falls  # a level that is never or always reached holds for −a as it does for a
    return threshold, flipped
