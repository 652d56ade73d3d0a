"""A folder of images with one sub-folder for each class."""

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from bitlight.errors import DataError, reason
from bitlight.opening import read_regular

MODES = {1: "L", 3: "RGB"}
# Those of photographs; some of Pillow's others start programs, or pack without limit.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 1 << 26
# What as many pixels take unpacked, with four channels: no image that is admitted needs more.
LARGEST_FILE = 4 * MOST_PIXELS
# What deflate packs into a byte at most, where a byte is a pixel.
PIXELS_PER_BYTE = 1032


def most_pixels(size: int) -> int:
    """How many pixels an image file of that many bytes may have."""
    return min(MOST_PIXELS, (1 << 16) + PIXELS_PER_BYTE * size)


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
    files, labels, names = image_files(path)
    return read_images(files, shape), labels, names


def image_files(
    path: str | os.PathLike[str],
) -> tuple[list[Path], np.ndarray, tuple[str, ...]]:
    """List the files of a folder of images, sorted by class and name, without reading them.

    Returns
    -------
    files : list of Path
    labels : int64 array, shape (N,)
    names : tuple of str
        Sorted class names.

    Raises
    ------
    DataError
        If there is no such folder, or a class has no images.
    """
    classes = _classes(Path(path))
    files = [file for class_files in classes.values() for file in class_files]
    counts = [len(class_files) for class_files in classes.values()]
    return files, np.repeat(np.arange(len(counts)), counts), tuple(classes)


def read_images(files: Sequence[Path], shape: tuple[int, int, int]) -> np.ndarray:
    """Images, grey or RGB, stretched to (H, W, C) with Pillow's bilinear filter.

    They are decoded on as many threads as the golden model has.

    Returns
    -------
    uint8 array, shape (N, H, W, C)

    Raises
    ------
    DataError
        If a file is no image, or the shape is none of grey or RGB pixels.
    """
    import numba

    height, width, channels = _checked(shape)
    images = np.empty((len(files), *shape), np.uint8)
    count = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]

    def read(number: int) -> None:
        photo = _decoded(files[number], MODES[channels])
        resized = photo.resize((width, height), Image.Resampling.BILINEAR)
        images[number] = np.asarray(resized).reshape(shape)

    with _pillows_warnings(), ThreadPoolExecutor(count) as pool:
        for _ in pool.map(read, range(len(files))):
            pass
    return images


def _checked(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    height, width, channels = shape
    if channels not in MODES or height < 1 or width < 1:
        raise DataError(f"shape must be (H, W, 1) or (H, W, 3), not {shape}")
    return shape


def open_image(file: Path, mode: str | None = None) -> Image.Image:
    """Read an image of 8 bits a channel, and convert it to a mode of Pillow's.

    Raises
    ------
    DataError
        If Pillow cannot read it whole, it is of none of `FORMATS`, has more bits, more than 2^26
        pixels, or more than a file of its size can hold.
    """
    with _pillows_warnings():
        return _decoded(file, mode)


@contextmanager
def _pillows_warnings() -> Iterator[None]:
    """Bombs are errors; most other warnings are about what photographs say beside their pixels.

    Filters are the whole process's, so that threads share one such block.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _decoded(file: Path, mode: str | None) -> Image.Image:
    try:
        # Of a file of its own Pillow would ask for as many bytes as a length in it says.
        content = io.BytesIO(read_regular(file, LARGEST_FILE))
        with Image.open(content, formats=FORMATS) as image:
            if image.mode == "F" or image.mode.startswith("I"):
                # Pillow would clip their values to 255 rather than scale them.
                raise DataError(f"{file} has more than 8 bits a channel; convert it first")
            limit = most_pixels(content.getbuffer().nbytes)
            if image.width * image.height > limit:
                raise DataError(f"{file} claims {image.size} pixels; {limit} are admitted")
            image.load()
            return image if mode is None else image.convert(mode)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{file} is not an image of {', '.join(FORMATS)}") from error
    except Exception as error:
        # Pillow raises whatever the bytes lead it to.
        raise DataError(f"{file} is not an image that Pillow can read: {reason(error)}") from error


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
