"""What each layer makes of some images, as pictures: bits black and white, all else grey.

A picture has the channels side by side, row after row, as in a contact sheet.
"""

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from bitlight import Network
from bitlight.network.golden import graphs
from bitlight.network.values import Levels

# Channels that are shown of each layer, and pixels of one picture; fewer where there are many.
MOST_CHANNELS = 64
MOST_PIXELS = 1 << 16
# Bytes of all pictures of a report, of the 5 MB that it may have.
MOST_BYTES = 2_500_000
# Greys of a picture; one more colour is between the channels.
GREYS = 15
BETWEEN = (110, 150, 205)


@dataclass(frozen=True)
class Picture:
    """One layer's output for one image.

    Attributes
    ----------
    node, kind : str
    shape : str, of the whole output
    shown, channels : int
        How many channels are in the picture, and how many there are.
    every : int
        Which pixel of a channel is shown: 1 is all, 2 every second one …
    width, height : int, pixels
    url : str, data:image/png
    words : str, what values there are
    """

    node: str
    kind: str
    shape: str
    shown: int
    channels: int
    every: int
    width: int
    height: int
    url: str
    words: str


@dataclass(frozen=True)
class Maps:
    """An image, and what the layers make of it.

    Attributes
    ----------
    title : str
    image : Picture
    layers : list of Picture, one for each node
    """

    title: str
    image: Picture
    layers: list[Picture]


def feature_maps(net: Network, images: np.ndarray, titles: list[str]) -> list[Maps]:
    """Pictures of the first images, as many as there is room for, but one at least.

    Parameters
    ----------
    images : uint8 array (N, H, W, C) or (N, n), as `Network.forward` takes them
    titles : list of str, one for each
    """
    found: list[Maps] = []
    used = 0
    # A pixel takes 4 bits, and a third more as text.
    room = min(MOST_PIXELS, int(1.5 * MOST_BYTES) // (len(net.nodes) + 1))
    for place, title in enumerate(titles):
        one = images[place : place + 1]
        top = (1 << net.input_bits) - 1
        layers = [
            _picture(
                node.name, type(node.layer).__name__, node.value.shape, values[0], *reach, room
            )
            for node, values in graphs.trace(net, one)
            for reach in [_reach(node.value.kind, values)]
        ]
        image = _image(net, one[0], top, room)
        used += sum(len(picture.url) for picture in (image, *layers))
        if found and used > MOST_BYTES:
            break
        found.append(Maps(title, image, layers))
    return found


def _reach(kind: object, values: np.ndarray) -> tuple[int, int, str]:
    """Which values are black and white, and what there are in words."""
    if isinstance(kind, Levels):
        if kind.top == 1:
            return 0, 1, f"bits, {values.mean():.0%} are 1"
        return 0, kind.top, f"levels 0 to {kind.top}"
    low, high = int(values.min()), int(values.max())
    return low, high, f"integers, here {low:,} to {high:,}"


def _image(net: Network, values: np.ndarray, top: int, room: int) -> Picture:
    shape = net.input_shape
    if len(shape) == 3 and shape[2] == 3:
        colours = (values.astype(np.int64) * 255 // top).astype(np.uint8)
        url = _url(Image.fromarray(colours))
        height, width = shape[:2]
        return Picture("input", "image", _times(shape), 3, 3, 1, width, height, url, "")
    return _picture("input", "image", shape, values, 0, top, "", room)


def _picture(
    node: str,
    kind: str,
    shape: tuple[int, ...],
    values: np.ndarray,
    low: int,
    high: int,
    words: str,
    room: int,
) -> Picture:
    tiles = _tiles(shape, values)
    channels, rows, columns = tiles.shape
    every = 1
    while -(-rows // every) * -(-columns // every) > room:
        every += 1
    tiles = tiles[:, ::every, ::every]
    size = tiles.shape[1] * tiles.shape[2]
    shown = min(channels, MOST_CHANNELS, max(1, room // size))
    greys = (tiles[:shown].astype(np.int64) - low) * (GREYS - 1) // max(1, high - low)
    sheet = _sheet(greys.astype(np.uint8))
    image = Image.fromarray(sheet, "P")
    greys_of = [level for n in range(GREYS) for level in (n * 255 // (GREYS - 1),) * 3]
    image.putpalette([*greys_of, *BETWEEN])
    url = _url(image, bits=4)
    height, width = sheet.shape
    return Picture(node, kind, _times(shape), shown, channels, every, width, height, url, words)


def _tiles(shape: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    """Channels, rows and columns; a vector is one channel, as square as can be."""
    if len(shape) == 3 and shape[:2] != (1, 1):
        return values.reshape(shape).transpose(2, 0, 1)
    flat = values.reshape(-1)
    side = math.isqrt(flat.size)
    columns = next(n for n in range(max(side, 1), 0, -1) if flat.size % n == 0)
    columns = flat.size // columns if flat.size // columns <= 4 * columns else min(flat.size, 64)
    rows = -(-flat.size // columns)
    return np.pad(flat, (0, rows * columns - flat.size), mode="edge").reshape(1, rows, columns)


def _sheet(tiles: np.ndarray) -> np.ndarray:
    """Tiles in rows, with a pixel between them."""
    count, rows, columns = tiles.shape
    wanted = min(count, max(1, math.ceil(math.sqrt(1.3 * count * rows / columns))))
    even = [n for n in range(1, count + 1) if count % n == 0]
    across = min(even, key=lambda n: abs(math.log(n / wanted)))
    if not 0.6 < across / wanted < 1.7:
        across = wanted
    down = -(-count // across)
    sheet = np.full((down * (rows + 1) - 1, across * (columns + 1) - 1), GREYS, np.uint8)
    for place, tile in enumerate(tiles):
        y, x = place // across * (rows + 1), place % across * (columns + 1)
        sheet[y : y + rows, x : x + columns] = tile
    return sheet


def _url(image: Image.Image, **options: int) -> str:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=not options, **options)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
