"""The threshold of a binary layer, from what stands between its sums and the sign behind them.

It is not calculated from batch norm's parameters but found: over the integers that the sum can be,
by the very calls that torch makes in eval mode, so that ties fall as they fall in torch.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from bitlight.nn.estimators import sign
from bitlight.nn.modes import evaluating

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d


def thresholds(norm: BatchNorm, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Find where sign(norm(a)) becomes +1 among the sums a = −reach, −reach + 2, …, reach.

    The sums of a layer have the parity of its reach, because each product is odd. Batch norm is
    monotonic also as rounded, so that the search can bisect, all channels at once.

    Parameters
    ----------
    norm : BatchNorm1d or BatchNorm2d
    reach : int

    Returns
    -------
    threshold : int32 array, shape (channels,)
        −reach where the bit is always 1, reach + 2 where it is never.
    flipped : bool array, shape (channels,)
        Where the gain is negative: there the threshold holds for −a.

    Examples
    --------
    >>> norm = nn.BatchNorm1d(2)
    >>> norm.weight.data, norm.running_mean = torch.tensor([1.0, -1.0]), torch.tensor([3.5, 3.5])
    >>> thresholds(norm, reach=9)
    (array([ 5, -3], dtype=int32), array([False,  True]))
    """

    assert norm.running_mean is not None
    device = norm.running_mean.device
    return crossings(
        lambda sums: sign(normalized(norm, sums)) > 0, norm.num_features, reach, device
    )


def crossings(
    bits: Callable[[torch.Tensor], torch.Tensor], channels: int, reach: int, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """Find where a bit becomes 1, for `thresholds` and for other steps between sums and sign.

    Parameters
    ----------
    bits : function
        int64 sums, shape (channels,), to bool, shape (channels,); monotonic in each channel.
    channels, reach : int
    device : torch.device

    Returns
    -------
    As `thresholds`.
    """
    ends = torch.full((channels,), reach, device=device)
    flipped = bits(-ends) & ~bits(ends)
    direction = torch.where(flipped, -1, 1)
    below = torch.zeros_like(ends)  # how many of the sums have the bit 0
    for power in reversed(range((reach + 1).bit_length())):
        more = below + (1 << power)
        zero = ~bits(direction * (2 * (more - 1) - reach))
        below = torch.where(zero & (more <= reach + 1), more, below)
    return (2 * below - reach).int().cpu().numpy(), flipped.cpu().numpy()


@torch.no_grad()
def normalized(norm: BatchNorm, sums: torch.Tensor) -> torch.Tensor:
    """What torch makes of one sum for each channel in eval mode; both of shape (channels,)."""
    shape = (1, -1, 1, 1) if isinstance(norm, nn.BatchNorm2d) else (1, -1)
    with evaluating(norm):
        # Contiguous, as the sums of a layer are: torch rounds otherwise for strided tensors.
        return norm(sums.float().reshape(shape).contiguous()).flatten()
