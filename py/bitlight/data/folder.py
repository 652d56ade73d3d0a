"""A folder of images with one sub-folder for each class."""

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from bitlight.errors import DataError

MODES = {1: "L", 3: "RGB"}


def image_folder(
    path: str | os.PathLike[str], shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Load every image of a folder, sorted by class and name.

    Each image is converted to grey or RGB and stretched to the shape with Pillow's bilinear filter.
    Hidden files (their name begins with a dot) are passed over.

    Parameters
    ----------
    path : path
        Holds one sub-folder of image files for each class; its name is the class's name.
    shape : (H, W, C)
        C is 1 for grey or 3 for RGB.

    Returns
    -------
    images : uint8 array, shape (N, H, W, C)
    labels : int64 array, shape (N,)
        Index into the class names.
    names : tuple of str
        Sorted class names.

    Raises
    ------
    DataError
        If there is no such folder, a class has no images, or a file is no image; it is named.

    Examples
    --------
    >>> images, labels, names = image_folder("photos", (28, 28, 1))  # doctest: +SKIP
    """
    height, width, channels = shape
    if channels not in MODES or height < 1 or width < 1:
        raise DataError(f"shape must be (H, W, 1) or (H, W, 3), not {shape}")
    classes = _classes(Path(path))
    files = [file for class_files in classes.values() for file in class_files]
    images = np.empty((len(files), height, width, channels), np.uint8)
    for image, file in zip(images, files, strict=True):
        image[:] = _load(file, (height, width, channels))
    counts = [len(class_files) for class_files in classes.values()]
    return images, np.repeat(np.arange(len(counts)), counts), tuple(classes)


def _classes(root: Path) -> dict[str, list[Path]]:
    """Files of each class, both sorted by name."""
    if not root.is_dir():
        raise DataError(f"no folder {root}: it should hold one sub-folder of images for each class")
    classes = {folder.name: _visible(folder) for folder in _visible(root) if folder.is_dir()}
    if not classes:
        raise DataError(f"{root} should hold one sub-folder of images for each class")
    for name, files in classes.items():
        if not files:
            raise DataError(f"{root / name} holds no images")
    return classes


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _load(file: Path, shape: tuple[int, int, int]) -> np.ndarray:
    height, width, channels = shape
    try:
        with warnings.catch_warnings():
            # An image that would fill the memory is refused, not warned about.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                if image.mode == "F" or image.mode.startswith("I"):
                    # Pillow would clip their values to 255 rather than scale them.
                    raise DataError(f"{file} has more than 8 bits a channel; convert it first")
                converted = image.convert(MODES[channels])
                resized = converted.resize((width, height), Image.Resampling.BILINEAR)
    except (OSError, SyntaxError, Image.DecompressionBombError, Warning) as error:
        raise DataError(f"{file} is not an image that Pillow can read: {error}") from error
    return np.asarray(resized).reshape(shape)
