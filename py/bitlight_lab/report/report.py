"""The report of a network: what is on it, and the one call that makes it."""

import os
from collections.abc import Sequence

import numpy as np

from bitlight import BitlightError
from bitlight.files.replacing import replacing
from bitlight_hw import Accelerator
from bitlight_hw.activity import many_images, one_image
from bitlight_hw.exploring import Explored
from bitlight_hw.parts import part
from bitlight_lab.report import origins
from bitlight_lab.report.checking import Checked
from bitlight_lab.report.classes import Classes
from bitlight_lab.report.content import Content
from bitlight_lab.report.featuremaps import Maps, feature_maps
from bitlight_lab.report.page import render

# Images whose feature maps are shown.
SHOWN = 4


class Report(Content):
    """A page, still without its form."""

    def html(self) -> str:
        """The page; the same report gives the same text."""
        plan = self.acc.plan
        return render(self, one_image(plan), many_images(plan))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file.

        Raises
        ------
        BitlightError
            If it cannot be written.
        """
        text = self.html().encode()
        with replacing(path) as file:
            file.write(text)


def report(
    acc: Accelerator,
    *,
    title: str = "",
    target: str = "xc7",
    mhz: float = 100.0,
    images: np.ndarray | None = None,
    titles: Sequence[str] = (),
    images_name: str = "images",
    shown: int | Sequence[int] = SHOWN,
    checked: Checked | None = None,
    classes: Classes | None = None,
    explored: Explored | None = None,
    more_origins: dict[str, str] | None = None,
) -> Report:
    """Gather what a page says; needs `bitlight[hw]`.

    Parameters
    ----------
    acc : Accelerator
    title : str, optional
        By default the beginning of the network's id.
    target : str
        Family or part, as in `bitlight plan --target`.
    mhz : float
    images : uint8 array (N, H, W, C) or (N, n), optional
        As the network takes them; the feature maps of some are shown.
    titles : sequence of str
        Of these, what is written beside an image; by default its number.
    images_name : str
        What they are, in words.
    shown : int or sequence of int
        How many images, the first ones, or which; while there is room.
    checked : Checked, optional
        From `bitlight_lab.report.checking.simulate` or `of_run`.
    classes : Classes, optional
    explored : Explored, optional
        From `bitlight_hw.exploring.explore`.
    more_origins : dict of str to str, optional
        What else was compared, and its ids.

    Raises
    ------
    FoldingError
        If there is no such target.
    NetworkError
        If the images are not as the network takes them.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear, Network
    >>> from bitlight_hw import Accelerator
    >>> weight = np.ones((8, 16), dtype=bool)
    >>> net = Network((16,), 1, [Linear(weight, np.zeros(8, dtype=np.int32))])
    >>> page = report(Accelerator(net), title="eight majorities").html()
    >>> "eight majorities" in page, "http:" in page
    (True, False)
    """
    part(target)
    if not 0 < mhz < float("inf"):
        raise BitlightError(f"the clock must be above 0 MHz, not {mhz}")
    about = origins.of_accelerator(acc) | {"target": f"{target}, {mhz:g} MHz"}
    maps: list[Maps] = []
    if images is not None and len(images):
        acc.net.check_images(images)
        about |= origins.of_images(images_name, images)
        some = [*range(min(shown, len(images)))] if isinstance(shown, int) else [*shown]
        words = [titles[n] if n < len(titles) else f"image {n}" for n in some]
        maps = feature_maps(acc.net, images[some], words)
    about |= more_origins or {}
    about |= origins.versions()
    name = title or f"network {acc.net.id[:12]}"
    return Report(name, acc, target, mhz, maps, checked, classes, explored, about)
