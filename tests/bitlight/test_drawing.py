"""Drawings are well-formed SVG with every box, every word, and nothing that overlaps."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from bitlight import Conv2d, Network
from bitlight.drawing import Arrow, Box, draw
from bitlight_hw import Accelerator

SVG = "{http://www.w3.org/2000/svg}"


def rectangles(svg):
    sides = ("x", "y", "width", "height")
    return [
        tuple(float(rect.get(side)) for side in sides)
        for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect")
        if rect.get("stroke-dasharray") is None
    ]


@pytest.mark.parametrize("across", [True, False])
def test_boxes_of_a_random_graph_stand_apart(across):
    rng = np.random.default_rng(3)
    boxes = {f"n{k}": Box((f"box {k}",) * rng.integers(1, 3)) for k in range(12)}
    pairs = {(*sorted(rng.choice(12, 2, replace=False)),) for _ in range(20)}
    arrows = [Arrow(f"n{a}", f"n{b}", "word" * (a % 2)) for a, b in sorted(pairs)]
    arrows += [Arrow("n11", "n0", "back & forth")]  # a circle, and text to escape
    found = rectangles(draw(boxes, arrows, across=across))
    assert len(found) == 12
    for k, (x, y, w, h) in enumerate(found):
        for x2, y2, w2, h2 in found[k + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_an_arrow_to_nowhere_is_refused():
    with pytest.raises(ValueError, match="no box is called 'c'; there are a, b"):
        draw({"a": Box(("a",)), "b": Box(("b",))}, [Arrow("a", "c")])
    with pytest.raises(ValueError, match="needs a box"):
        draw({}, [])


def test_the_picture_of_an_accelerator_has_its_units_and_its_beats():
    rng = np.random.default_rng(0)
    layer = Conv2d(rng.random((4, 3, 3, 2)) < 0.5, np.zeros(4, np.int32), padding=1, pad_value=0)
    acc = Accelerator(Network((6, 6, 2), 1, [layer]), [(2, 2)])
    svg = acc.picture()
    ElementTree.fromstring(svg)
    shown = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert "PE 2 · SIMD 2" in shown
    assert all(name.split("_")[1] in shown for name in acc.units)
    for beats in acc.links.values():
        assert any(text.startswith(f"{beats} × ") for text in shown)
    assert f"{acc.cycles_per_image} cycles" in svg
