"""The projection as a torch module, on any device and differentiable."""

from typing import Literal

import numpy as np
import torch
from torch import nn

from bitlight.errors import OpticsError
from bitlight.optics.media import MEDIA, Structured
from bitlight.optics.memory import demand


class OpticalProjection(nn.Module):
    """|R·x|^(2s) with the R of `OpticalFeatures(camera=None)` of the same seed.

    Nothing in it is trained, but gradients pass to x. The structured medium keeps random signs
    alone, the others keep R: 8 bytes for each entry.

    Parameters
    ----------
    n_features : int
    n_components : int
    medium : "structured", "binary" or "gaussian"
    exponent : float
        s.
    random_state : int

    Raises
    ------
    OpticsError
        If a parameter is out of its range, or R does not fit into memory.

    Examples
    --------
    >>> project = OpticalProjection(100, 300)
    >>> project(torch.ones(2, 100)).shape
    torch.Size([2, 300])
    """

    constants: torch.Tensor

    def __init__(
        self,
        n_features: int,
        n_components: int,
        medium: Literal["structured", "binary", "gaussian"] = "structured",
        exponent: float = 1,
        random_state: int = 0,
    ) -> None:
        super().__init__()
        if medium not in MEDIA:
            raise OpticsError(f"medium must be one of {', '.join(sorted(MEDIA))}, not {medium!r}")
        for name, value in (("n_features", n_features), ("n_components", n_components)):
            if value < 1:
                raise OpticsError(f"{name} must be 1 or more, not {value}")
        if not exponent > 0:
            raise OpticsError(f"exponent must be above 0, not {exponent!r}")
        self.n_features, self.n_components = n_features, n_components
        self.medium, self.exponent, self.random_state = medium, exponent, random_state
        source = MEDIA[medium](n_features, random_state)
        if isinstance(source, Structured):
            self._size = source.size
            blocks = range(-(-n_components // source.size))
            constants = np.stack([source.signs(block) for block in blocks])
        else:
            what = f"{n_components:,} rows of {n_features:,} entries"
            demand(16 * n_features * n_components, what, "take the structured medium")
            constants = source.rows(0, n_components)
        self.register_buffer("constants", torch.from_numpy(constants), persistent=False)

    def fields(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Real and imaginary parts of R·x.

        Parameters
        ----------
        x : float Tensor of any numbers, shape (..., n_features)

        Returns
        -------
        two float Tensors, shape (..., n_components)
        """
        if x.shape[-1] != self.n_features:
            raise OpticsError(f"x must have {self.n_features} features, not {x.shape[-1]}")
        x = x if x.is_floating_point() else x.float()
        constants = self.constants.to(x.dtype)
        if self.medium != "structured":
            return x @ constants[0].T, x @ constants[1].T
        x = nn.functional.pad(x, (0, self._size - self.n_features))
        blocks = [self._block(x, signs) for signs in constants]
        scale = 0.5**0.5 / self._size
        real, imaginary = (
            torch.cat(parts, dim=-1)[..., : self.n_components] * scale
            for parts in zip(*blocks, strict=True)
        )
        return real, imaginary

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Intensities of x (..., n_features): float Tensor, shape (..., n_components)."""
        real, imaginary = self.fields(x)
        light = real.square() + imaginary.square()
        return light if self.exponent == 1 else light**self.exponent

    def extra_repr(self) -> str:
        """Parameters, for `print`."""
        return (
            f"{self.n_features}, {self.n_components}, medium={self.medium!r}, "
            f"exponent={self.exponent}, random_state={self.random_state}"
        )

    @staticmethod
    def _block(x: torch.Tensor, signs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums of one block of a structured medium."""
        x = _hadamard(_hadamard(x * signs[0]) * signs[1])
        return _hadamard(x * signs[2]), _hadamard(x * signs[3])


def _hadamard(x: torch.Tensor) -> torch.Tensor:
    """H·x along the last axis, whose length is a power of two."""
    shape, distance = x.shape, 1
    while distance < shape[-1]:
        pairs = x.reshape(*shape[:-1], -1, 2, distance)
        left, right = pairs[..., 0, :], pairs[..., 1, :]
        x = torch.stack((left + right, left - right), dim=-2)
        distance *= 2
    return x.reshape(shape)
