"""What the accuracy on some images says about all others."""

from typing import NamedTuple

import numpy as np

Z_95 = 1.959963984540054  # of the normal distribution, two-sided


class Accuracy(NamedTuple):
    """So many right of so many.

    Examples
    --------
    >>> Accuracy(45, 50).share, [round(end, 3) for end in Accuracy(45, 50).interval]
    (0.9, [0.786, 0.957])
    """

    right: int
    images: int

    @property
    def share(self) -> float:
        """The share that is right."""
        return self.right / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 %: E. B. Wilson, JASA 22, 1927."""
        n, z = self.images, Z_95
        middle = (self.right + z * z / 2) / (n + z * z)
        half = z / (n + z * z) * float(np.sqrt(self.share * (1 - self.share) * n + z * z / 4))
        return max(middle - half, 0.0), min(middle + half, 1.0)
