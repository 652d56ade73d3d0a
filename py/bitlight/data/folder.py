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

from bitlight.data.placing import Placing
from bitlight.errors import DataError, reason
from bitlight.files.opening import read_regular

MODES = {1: "L", 3: "RGB"}
# Those of photographs; some of Pillow's others start programs, or pack without limit.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 1 << 26
# What as many pixels take unpacked, with four channels: no image that is admitted needs more.
LARGEST_FILE = 4 * MOST_PIXELS
# What deflate packs into a byte at most, where a byte is a pixel.
PIXELS_PER_BYTE = 1032
NAMED = 10  # bad files that a message names
ORIENTATION = 0x0112
# What brings a picture upright, by the value of the EXIF tag Orientation; 1 is upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def most_pixels(size: int) -> int:
    """How many pixels an image file of that many bytes may have."""
    return min(MOST_PIXELS, (1 << 16) + PIXELS_PER_BYTE * size)


def image_folder(
    path: str | os.PathLike[str], shape: tuple[int, int, int], placing: Placing | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Load every image of a folder, sorted by class and name.

    Each image is turned upright as its EXIF orientation says, laid on the background where it is
    transparent, converted to grey or RGB, and brought to the shape with Pillow's bilinear filter:
    see `Placing`. Of animations the first frame is taken. Hidden files (their name begins with a
    dot) are passed over.

    Parameters
    ----------
    path : path
        Holds one sub-folder of image files for each class; its name is the class's name.
    shape : (H, W, C)
        C is 1 for grey or 3 for RGB.
    placing : Placing, optional
        By default the middle of each image is taken, and the background is white.

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
    return read_images(files, shape, placing), labels, names


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

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "cat").mkdir()
    >>> Image.new("RGB", (8, 8)).save(folder / "cat" / "0.png")
    >>> files, labels, names = image_files(folder)
    >>> files[0].name, labels, names
    ('0.png', array([0]), ('cat',))
    """
    classes = _classes(Path(path))
    files = [file for class_files in classes.values() for file in class_files]
    counts = [len(class_files) for class_files in classes.values()]
    return files, np.repeat(np.arange(len(counts)), counts), tuple(classes)


def read_images(
    files: Sequence[Path], shape: tuple[int, int, int], placing: Placing | None = None
) -> np.ndarray:
    """Images, grey or RGB, brought to (H, W, C); see `image_folder`.

    They are decoded on as many threads as the golden model has.

    Returns
    -------
    uint8 array, shape (N, H, W, C)

    Raises
    ------
    DataError
        If files are no images, which are named, or the shape is none of grey or RGB pixels.
    """
    height, width, channels = _checked(shape)
    images = np.empty((len(files), *shape), np.uint8)
    placing = placing or Placing()

    def read(number: int) -> str | None:
        try:
            picture = _decoded(files[number], MODES[channels], placing.background)
        except DataError as error:
            return str(error)
        images[number] = np.asarray(placing.place(picture, (width, height))).reshape(shape)
        return None

    with open_pictures() as threads, ThreadPoolExecutor(threads) as pool:
        bad = [wrong for wrong in pool.map(read, range(len(files))) if wrong is not None]
    if bad:
        raise DataError(refusal(bad, len(files)))
    return images


def refusal(wrong: Sequence[str], total: int) -> str:
    """One line that names bad files, of what is wrong with each."""
    if len(wrong) == 1:
        return wrong[0]
    more = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    return f"{len(wrong)} of {total} files are bad: {'; '.join(wrong[:NAMED])}{more}"


@contextmanager
def open_pictures() -> Iterator[int]:
    """Pillow as it should be while files are decoded; gives how many threads do it."""
    import numba

    with _pillows_warnings():
        yield numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]


def find_fault(file: Path) -> str | None:
    """What is wrong with an image file, or None; within `open_pictures`."""
    try:
        _decoded(file, None, "white")
    except DataError as error:
        return str(error)
    return None


def _checked(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    height, width, channels = shape
    if channels not in MODES or height < 1 or width < 1:
        raise DataError(f"shape must be (H, W, 1) or (H, W, 3), not {shape}")
    return shape


def open_image(
    file: Path, mode: str | None = None, background: str = Placing.background
) -> Image.Image:
    """Read an image of 8 bits a channel, and convert it to a mode of Pillow's.

    It is turned upright as its EXIF orientation says, and laid on the background where it is
    transparent. Of an animation, or a file of several pages, it is the first.

    Raises
    ------
    DataError
        If Pillow cannot read it whole, it is of none of `FORMATS`, has more bits, more than 2^26
        pixels, or more than a file of its size can hold.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "red.png"
    >>> Image.new("RGB", (2, 1), "red").save(file)
    >>> open_image(file, "L").size
    (2, 1)
    """
    with _pillows_warnings():
        return _decoded(file, mode, background)


@contextmanager
def _pillows_warnings() -> Iterator[None]:
    """Bombs are errors; most other warnings are about what photographs say beside their pixels.

    Filters are the whole process's, so that threads share one such block.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _decoded(file: Path, mode: str | None, background: str) -> Image.Image:
    if file.is_dir():
        raise DataError(f"{file} is a folder: there should be images alone in {file.parent.name}")
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
            picture = _opaque(_upright(image), background)
            return picture if mode is None else picture.convert(mode)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{file} is not an image of {', '.join(FORMATS)}") from error
    except Exception as error:
        # Pillow raises whatever the bytes lead it to.
        raise DataError(f"{file} is not an image that Pillow can read: {reason(error)}") from error


def _upright(image: Image.Image) -> Image.Image:
    """An image as its photographer held the camera; Pillow has turned those in TIFF already."""
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:
        # Pillow raises whatever damaged EXIF leads it to, which says nothing of the pixels.
        return image
    turn = UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _opaque(image: Image.Image, background: str) -> Image.Image:
    """An image laid on a background where it is transparent; others are as they were."""
    if not image.has_transparency_data:
        return image
    layer = image if image.mode == "RGBA" else image.convert("RGBA")
    ground = Image.new("RGB", image.size, background)
    ground.paste(layer, mask=layer.getchannel("A"))
    return ground


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
    return sorted(
        (entry for entry in folder.iterdir() if not entry.name.startswith(".")),
        key=lambda entry: entry.name,
    )
