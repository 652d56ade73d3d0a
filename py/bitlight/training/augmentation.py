"""What training does to images so that no two epochs see the same ones."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from bitlight.data.folder import MODES

# Of a photograph's area and of width over height: those of Szegedy et al., "Going deeper with
# convolutions" (2015), section 6.
LEAST_AREA = 0.08
ASPECT = 4 / 3
# What tests take of the shorter side: 224 of 256 pixels (Krizhevsky et al. 2012, section 4.1).
MIDDLE = 224 / 256


def move(images: torch.Tensor, shift: int, flip: bool, generator: torch.Generator) -> torch.Tensor:
    """Move each image by up to `shift` pixels and mirror half of them.

    Parameters
    ----------
    images : Tensor, shape (N, H, W, C)
        Of any dtype; zeros come in from outside.
    shift : int
    flip : bool
    generator : torch.Generator

    Returns
    -------
    Tensor
        Of the same shape and dtype, on the same device; drawn on the CPU, so that it is the same
        on every device.
    """
    if not shift and not flip:
        return images
    count, height, width, _ = images.shape
    device = images.device
    padded = F.pad(images, (0, 0, shift, shift, shift, shift)) if shift else images
    offsets = torch.randint(2 * shift + 1, (2, count, 1), generator=generator)
    rows = offsets[0] + torch.arange(height)
    columns = offsets[1] + torch.arange(width)
    if flip:
        mirrored = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    places = torch.arange(count, device=device)
    rows, columns = (part.to(device, non_blocking=True) for part in (rows, columns))
    return padded[places[:, None, None], rows[:, :, None], columns[:, None, :]]


def cut_out(images: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """Make a square of each image black; what lies outside of the image has no effect.

    Parameters
    ----------
    images : Tensor, shape (N, H, W, C)
    side : int
        Of the square, whose centre is anywhere in the image.
    generator : torch.Generator

    Returns
    -------
    Tensor
        Of the same shape and dtype, on the same device.
    """
    if not side:
        return images
    count, height, width, _ = images.shape
    hidden = []
    for size in (height, width):
        start = torch.randint(size, (count, 1), generator=generator) - side // 2
        places = torch.arange(size)
        inside = (places >= start) & (places < start + side)
        hidden.append(inside.to(images.device, non_blocking=True))
    black = hidden[0][:, :, None, None] & hidden[1][:, None, :, None]
    return images.masked_fill(black, 0)


def crop(
    image: Any, shape: tuple[int, int, int], rng: np.random.Generator | None, *, flip: bool = True
) -> np.ndarray:
    """A random part of a photograph, or its middle, stretched to a shape.

    Parameters
    ----------
    image : PIL image, or uint8 array of shape (h, w) or (h, w, c)
    shape : (H, W, C)
    rng : Generator, optional
        Without it the middle is taken: 7/8 of the shorter side.
    flip : bool
        Whether half of the random parts are mirrored.

    Returns
    -------
    uint8 array, shape (H, W, C)
    """
    height, width, channels = shape
    photo = image if isinstance(image, Image.Image) else Image.fromarray(np.squeeze(image))
    photo = photo.convert(MODES[channels])
    box = _middle(photo.size, width / height) if rng is None else _part(photo.size, rng)
    photo = photo.resize((width, height), Image.Resampling.BILINEAR, box=box)
    pixels = np.asarray(photo).reshape(shape)
    mirrored = rng is not None and flip and rng.random() < 0.5
    return np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels.copy()


def _middle(size: tuple[int, int], aspect: float) -> tuple[float, float, float, float]:
    width = MIDDLE * min(size[0], size[1] * aspect)
    return _box(size, width, width / aspect, 0.5, 0.5)


def _part(size: tuple[int, int], rng: np.random.Generator) -> tuple[float, float, float, float]:
    for _ in range(10):
        area = size[0] * size[1] * rng.uniform(LEAST_AREA, 1)
        aspect = np.exp(rng.uniform(-np.log(ASPECT), np.log(ASPECT)))
        width, height = np.sqrt(area * aspect), np.sqrt(area / aspect)
        if width <= size[0] and height <= size[1]:
            return _box(size, width, height, rng.random(), rng.random())
    return (0, 0, *size)


def _box(
    size: tuple[int, int], width: float, height: float, x: float, y: float
) -> tuple[float, float, float, float]:
    left, top = x * (size[0] - width), y * (size[1] - height)
    return (left, top, left + width, top + height)
