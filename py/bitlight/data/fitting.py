"""Images of one shape for networks of another."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from bitlight.data.folder import MODES
from bitlight.data.placing import FRAME, Placing
from bitlight.errors import DataError
from bitlight.network.surroundings import encode


def photograph_shape(input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(H, W, C) of the images that a network takes, also where it takes them flattened.

    Raises
    ------
    DataError
        If that many values are no square image, grey or RGB.

    Examples
    --------
    >>> photograph_shape((784,)), photograph_shape((32, 32, 3))
    ((28, 28, 1), (32, 32, 3))
    """
    if len(input_shape) == 3:
        height, width, channels = input_shape
        return height, width, channels
    for channels in MODES:
        side = math.isqrt(input_shape[0] // channels)
        if side * side * channels == input_shape[0]:
            return side, side, channels
    raise DataError(
        f"photographs cannot become {input_shape[0]} values: that is no square image, grey or RGB"
    )


def fit(
    images: np.ndarray,
    input_shape: tuple[int, ...],
    input_bits: int = 8,
    codes: np.ndarray | None = None,
    placing: Placing | None = None,
) -> np.ndarray:
    """Bring 8-bit images to a network's input: frame or scale, grey to RGB, flatten, binarise.

    Parameters
    ----------
    images : uint8 array, shape (N, h, w, c)
        Grey (c = 1) or RGB (c = 3).
    input_shape : (H, W, C) or (n,)
        Images up to four pixels smaller get a frame of zeros, others are scaled with Pillow's
        bilinear filter. (n,) takes images of n values, flattened; others become the square of as
        many first.
    input_bits : int
        The upper bits of each value are kept,
    codes : uint8 array, optional
        or, with the table of a network, its codes are taken; see `Network.encode`.
    placing : Placing, optional
        Of images of another aspect; by default their middle is taken.

    Returns
    -------
    uint8 array, shape (N, *input_shape)

    Raises
    ------
    DataError
        If the shapes cannot be brought together.

    Examples
    --------
    >>> fit(np.full((2, 28, 28, 1), 200, np.uint8), (32, 32, 3)).shape
    (2, 32, 32, 3)
    >>> fit(np.full((2, 28, 28, 1), 200, np.uint8), (784,), input_bits=1)[0, 0]
    np.uint8(1)
    """
    placing = placing or Placing()
    if images.shape[1:] != tuple(input_shape):
        flat = len(input_shape) == 1
        images = _flat(images, input_shape, placing) if flat else _fit(images, input_shape, placing)
    return encode(images, codes, input_bits)


def _flat(images: np.ndarray, input_shape: tuple[int, ...], placing: Placing) -> np.ndarray:
    values = math.prod(images.shape[1:])
    if values != input_shape[0]:
        if images.ndim != 4 or images.shape[3] not in MODES:
            raise DataError(f"images of {images.shape[1:]} do not give {input_shape[0]} values")
        images = _fit(images, photograph_shape(input_shape), placing)
    return images.reshape(len(images), input_shape[0])


def _fit(images: np.ndarray, input_shape: tuple[int, ...], placing: Placing) -> np.ndarray:
    height, width, channels = input_shape
    if images.ndim != 4 or images.shape[3] not in MODES or channels not in MODES:
        raise DataError(
            f"images of {images.shape[1:]} cannot become {input_shape}: "
            "both should be (H, W, 1) or (H, W, 3)"
        )
    if images.shape[3] == 3 and channels == 1:
        images = _each(images, lambda image: image.convert("L"))
    rows, columns = height - images.shape[1], width - images.shape[2]
    if 0 <= rows <= FRAME and 0 <= columns <= FRAME:
        top, left = rows // 2, columns // 2
        frame = ((0, 0), (top, rows - top), (left, columns - left), (0, 0))
        images = np.pad(images, frame)
    else:
        size = (width, height)
        images = _each(images, lambda image: placing.place(image, size))
    return np.repeat(images, channels // images.shape[3], axis=3)


def _each(images: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    found = [np.asarray(change(Image.fromarray(np.squeeze(image)))) for image in images]
    return np.stack(found).reshape(len(images), *found[0].shape[:2], -1)
