"""Where the hardware's output differs from the golden one, in the network's words."""

from collections.abc import Sequence

import numpy as np

from bitlight_hw import Accelerator

Difference = tuple[int, int, int]  # a beat's number, and what was received and expected, as bits


def kind_of_output(acc: Accelerator) -> str:
    """What the output's elements are called: bits, scores, or intensities of a projection."""
    if acc.projection is not None:
        return "intensities"
    return "scores" if acc.net.gives_scores else "bits"


def compare(acc: Accelerator, found: np.ndarray, expected: np.ndarray) -> dict[str, int]:
    """Count what was compared and what differs: bits, and the scores or intensities they make up.

    Parameters
    ----------
    acc : Accelerator
    found, expected : arrays, shape (N, elements)

    Returns
    -------
    dict with `bits_compared` and `bits_different`, a score having as many bits as the hardware
    carries, and for other outputs than bits `scores_compared` or `intensities_compared` …
    """
    bits, kind = acc.beats_out.bits, kind_of_output(acc)
    mask = (1 << bits) - 1
    different = (found.astype(np.int64) ^ expected.astype(np.int64)) & mask
    counts = {
        "bits_compared": found.size * bits,
        "bits_different": int(np.bitwise_count(different).sum()),
    }
    if kind != "bits":
        counts[f"{kind}_compared"] = found.size
        counts[f"{kind}_different"] = int((found != expected).sum())
    return counts


def place(acc: Accelerator, image: int, element: int) -> str:
    """Say which element of which image's output: beat, pixel and channel of the last layer.

    Parameters
    ----------
    acc : Accelerator
    image : int
    element : int
        In C order of the output.
    """
    form = acc.beats_out
    beat = f"image {image}, beat {element // form.elements}"
    if acc.projection is not None:
        return f"{beat}, component {element} of the projection"
    return f"{beat}, {acc.net.name_output(element)}"


def describe(acc: Accelerator, found: np.ndarray, expected: np.ndarray) -> str | None:
    """Name the first difference between outputs (N, elements), and count all; None without one."""
    places = np.argwhere(found != expected)
    if not len(places):
        return None
    image, element = map(int, places[0])
    images = len(np.unique(places[:, 0]))
    return (
        f"{len(places)} of {expected.size} {kind_of_output(acc)} differ, in {images} of "
        f"{len(expected)} images; the first is {place(acc, image, element)}: "
        f"{found[image, element]} instead of {expected[image, element]}"
    )


def describe_beats(acc: Accelerator, differences: Sequence[Difference]) -> str:
    """The same of beats that differ, in the order in which they came."""
    form = acc.beats_out
    beat, received, expected = differences[0]
    lowest = received ^ expected
    bit = (lowest & -lowest).bit_length() - 1
    image, position = divmod(beat, form.count)
    where = place(acc, image, position * form.elements + bit // form.bits)
    return f"{len(differences)} beats differ; the first is {where}"
