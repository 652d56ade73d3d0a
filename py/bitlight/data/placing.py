"""How a picture of any shape comes into a network's: cropped, padded or stretched."""

from dataclasses import asdict, dataclass
from typing import Literal, get_args

from PIL import Image, ImageColor, ImageOps

from bitlight.errors import DataError

Fit = Literal["crop", "pad", "stretch"]
Background = Literal["white", "black"]
FITS: tuple[str, ...] = get_args(Fit)
BACKGROUNDS: tuple[str, ...] = get_args(Background)
# MNIST's 28×28 became 32×32 with a frame (LeCun et al. 1998); larger steps are scaled.
FRAME = 4


@dataclass(frozen=True)
class Placing:
    """How pictures come into a shape.

    Attributes
    ----------
    fit : "crop", "pad" or "stretch"
        The largest middle part that has the shape's aspect; the whole picture with bars beside it;
        or the whole picture, its aspect changed.
    background : "white" or "black"
        Of the bars, and of what is transparent in a picture.

    Raises
    ------
    DataError
        If they are none of these.

    Examples
    --------
    >>> Placing(fit="pad", background="black").record()
    {'fit': 'pad', 'background': 'black'}
    """

    fit: Fit = "crop"
    background: Background = "white"

    def __post_init__(self) -> None:
        for name, known in (("fit", FITS), ("background", BACKGROUNDS)):
            if getattr(self, name) not in known:
                raise DataError(
                    f"{name} must be {', '.join(known)}, not {getattr(self, name)!r:.80}"
                )

    def record(self) -> dict[str, str]:
        """For manifests: pictures that are placed otherwise are other pictures."""
        return asdict(self)

    def place(self, picture: Image.Image, size: tuple[int, int]) -> Image.Image:
        """The picture in another size (width, height), by Pillow's bilinear filter.

        One that is up to four pixels smaller gets a frame of zeros, as MNIST's digits have it.
        """
        columns, rows = size[0] - picture.width, size[1] - picture.height
        if 0 <= columns <= FRAME and 0 <= rows <= FRAME:
            return _pasted(picture, size, 0)
        if self.fit == "crop":
            return ImageOps.fit(picture, size, Image.Resampling.BILINEAR)
        if self.fit == "stretch":
            return picture.resize(size, Image.Resampling.BILINEAR)
        share = min(size[0] / picture.width, size[1] / picture.height)
        inner = (max(1, round(share * picture.width)), max(1, round(share * picture.height)))
        picture = picture.resize(inner, Image.Resampling.BILINEAR)
        return _pasted(picture, size, ImageColor.getcolor(self.background, picture.mode))


def _pasted(
    picture: Image.Image, size: tuple[int, int], colour: int | tuple[int, ...]
) -> Image.Image:
    """A picture in the middle of a larger one of one colour."""
    if picture.size == size:
        return picture
    found = Image.new(picture.mode, size, colour)
    found.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return found
