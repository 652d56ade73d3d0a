"""Views of a photograph: what it shows stays the same when it is mirrored, or moved a little."""

from dataclasses import dataclass

import numpy as np

from bitlight.errors import DataError


@dataclass(frozen=True)
class Views:
    """As what each image is seen while a head is trained; the first view is the image itself.

    Parameters
    ----------
    mirror : bool
        Also left for right. Not for writing, nor for whatever has a side.
    shift : int
        Also moved by so many pixels up, down, left and right; its border is repeated.

    Raises
    ------
    DataError
        If the shift is negative.

    Examples
    --------
    >>> Views(mirror=True, shift=2).count
    10
    >>> image = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)
    >>> Views(mirror=True).of(image)[1].ravel().tolist()
    [1, 0, 3, 2]
    """

    mirror: bool = False
    shift: int = 0

    def __post_init__(self) -> None:
        if self.shift < 0:
            raise DataError(f"views are moved by 0 pixels or more, not {self.shift}")

    @property
    def count(self) -> int:
        """How many views an image has."""
        return (1 + self.mirror) * (5 if self.shift else 1)

    def check(self, input_shape: tuple[int, ...]) -> None:
        """Refuse shapes of which there are no such views.

        Raises
        ------
        DataError
            If images are flat, or would be moved out of sight.
        """
        if self.count > 1 and len(input_shape) != 3:
            raise DataError(
                f"images of {input_shape[0]} values in a row are neither mirrored nor moved"
            )
        if self.shift and self.shift >= min(input_shape[:2]):
            height, width = input_shape[:2]
            raise DataError(f"images of {height}×{width} cannot be moved by {self.shift} pixels")

    def of(self, images: np.ndarray) -> np.ndarray:
        """All views of images (N, H, W, C), shape (views, N, H, W, C)."""
        found = [images, images[:, :, ::-1]] if self.mirror else [images]
        if by := self.shift:
            wide = [np.pad(seen, ((0, 0), (by, by), (by, by), (0, 0)), "edge") for seen in found]
            height, width = images.shape[1:3]
            found += [
                seen[:, by + down : by + down + height, by + right : by + right + width]
                for down, right in ((by, 0), (-by, 0), (0, by), (0, -by))
                for seen in wide
            ]
        return np.stack(found)
