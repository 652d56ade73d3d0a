"""The report: what is on its page is what was measured, and a real browser shows it."""

import base64
import io
import re
from pathlib import Path

import browser
import numpy as np
import pytest
from graphs import draw_graph, shortcut28
from networks import draw_network
from PIL import Image

from bitlight import Conv2d, Linear, MaxPool2d, Network, data, extractors
from bitlight.heads import RidgeHead
from bitlight.network.graph import INPUT
from bitlight.zoo.topologies import TOPOLOGIES
from bitlight_hw import Accelerator
from bitlight_lab.commands.report import _different
from bitlight_lab.report import Classes, checking, report
from bitlight_lab.report.drawing import TALL, draw
from bitlight_lab.report.featuremaps import BETWEEN, feature_maps
from bitlight_lab.report.featuremaps import MOST_BYTES as MOST_OF_PICTURES
from bitlight_lab.report.graphlayout import lay_out
from bitlight_lab.report.hardware import node_rows, roofs, unit_rows

MOST_BYTES = 5_000_000
SCREENSHOTS = Path("build/report")


def small():
    rng = np.random.default_rng(0)
    layers = [
        Conv2d(rng.random((4, 3, 3, 1)) < 0.5, rng.integers(-200, 200, 4), padding=(1, 1)),
        Linear(rng.random((3, 100)) < 0.5, None),
    ]
    return Network((5, 5, 1), 8, layers)


def noise(net, count=3):
    shape = (count, *net.input_shape)
    return np.random.default_rng(1).integers(0, 1 << net.input_bits, shape, np.uint8)


@pytest.mark.parametrize("seed", range(12))
def test_boxes_stand_apart_and_every_edge_is_drawn(seed):
    net = draw_graph(np.random.default_rng(seed), depth=8)
    drawing = draw(net)
    assert [box.node for box in drawing.boxes] == [INPUT, *(node.name for node in net.nodes)]
    for a, one in enumerate(drawing.boxes):
        assert 0 <= one.x <= drawing.width - drawing.box
        assert 0 <= one.y <= drawing.height - TALL
        for other in drawing.boxes[a + 1 :]:
            assert abs(one.x - other.x) > drawing.box or abs(one.y - other.y) >= TALL
    wanted = {(name, node.name) for node in net.nodes for name in node.inputs}
    assert {way[:2] for way in drawing.ways} == wanted
    assert len(drawing.ways) == len(wanted)


def test_edges_go_downwards_and_past_the_boxes_between():
    takes = {"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"]}
    found = lay_out(takes)
    (bends,) = [bends for a, b, bends in found.edges if (a, b) == ("a", "d")]
    assert [layer for _, layer in bends] == [1, 2]
    for column, layer in bends:
        beside = [place for place, at in found.places.values() if at == layer]
        assert all(abs(column - place) > 0.5 for place in beside)


@pytest.mark.parametrize("net", [small(), shortcut28(4)], ids=["chain", "graph"])
def test_rows_add_up_to_the_plan(net):
    acc = Accelerator(net)
    estimates = acc.estimate("ecp5")
    units = unit_rows(acc, estimates)
    nodes = node_rows(acc, units)
    assert [row.name for row in units] == [*acc.units]
    for rows in (units, nodes):
        assert sum(row.blocks for row in rows) == sum(e.blocks for e in estimates.values())
        assert sum(row.luts for row in rows) == sum(
            e.luts + e.memory_luts for e in estimates.values()
        )
        assert max(row.cycles for row in rows) == acc.cycles_per_image
    for roof in roofs(acc):
        assert 0 < roof.share <= 1


def test_the_page_is_the_same_again_and_asks_for_nothing():
    net = small()
    acc = Accelerator(net)
    pages = {report(acc, title="<b>&", images=noise(net)).html() for _ in range(2)}
    (page,) = pages
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page
    assert not re.search(r"https?:|//cdn|@import|url\(", page)
    assert net.id in page
    assert "SHA-256 of the images" in page


def test_pictures_are_what_the_layers_give():
    net = small()
    images = noise(net, 1)
    (maps,) = feature_maps(net, images, ["one"])
    sheet = decoded(maps.layers[0])
    assert sheet.shape == (5, 23, 3)  # four channels of 5×5, a line between them
    assert {tuple(colour) for colour in sheet[:, 5].tolist()} == {BETWEEN}
    bits = net.forward(images, upto=1).reshape(5, 5, 4)
    for channel in range(4):
        tile = sheet[:, 6 * channel : 6 * channel + 5]
        assert np.array_equal(tile, np.repeat(255 * bits[:, :, channel, None], 3, axis=2))
    scores = decoded(maps.layers[1])
    assert maps.layers[1].words.startswith("integers, here")
    assert scores.max() == 255
    assert scores.min() == 0


def decoded(picture):
    content = base64.b64decode(picture.url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_what_was_simulated_is_told():
    net = small()
    acc = Accelerator(net)
    images = noise(net, 4)
    checked = checking.simulate(acc, images)
    assert checked.holds
    assert ("cycles per image", acc.cycles_per_image, acc.cycles_per_image) in checked.rows
    assert "no bit and no cycle differs" in report(acc, checked=checked).html()


def test_a_difference_is_told():
    net = small()
    acc = Accelerator(net)
    expected = net.forward(noise(net, 4))
    wrong = expected.copy()
    wrong[2, 1] += 1
    out = type("Run", (), {"features": wrong, "cycles_per_image": 1, "latency": acc.latency})
    checked = checking.of_run(acc, out, expected, "verilator")
    assert not checked.holds
    page = report(acc, checked=checked).html()
    assert "image 2" in page
    assert page.count('<span class="bad">differs</span>') == 2


def test_commands(run, tmp_path):
    net, page = tmp_path / "net.bnn", tmp_path / "a.html"
    small().upto(1).save(net)
    assert run("report", net, "-o", page)[0] == 0
    assert "Nothing was simulated" in page.read_text()
    x = np.random.default_rng(0).integers(0, 256, (9, 5, 5, 1), np.uint8)
    np.save(tmp_path / "x.npy", x)
    assert run("report", net, tmp_path / "x.npy", "-o", page, "--shown", 2)[0] == 0
    assert page.read_text().count('name="maps"') == 2
    head = tmp_path / "h"
    labels = np.arange(9) % 3
    RidgeHead().fit(small().upto(1).forward(x), labels).save(head, extractor_id="0" * 64)
    code, _, err = run("report", net, tmp_path / "x.npy", "-o", page, "--head", head)
    assert (code, "no labels" in err) == (2, True)
    code, _, err = run("report", net, "--head", head)
    assert (code, "--head needs IMAGES" in err) == (2, True)


def test_accuracy_of_a_head_and_of_a_last_layer(run, tmp_path):
    rng = np.random.default_rng(0)
    first = Linear(rng.random((64, 64)) < 0.5, rng.integers(-2000, 2000, 64))
    net = Network((8, 8, 1), 8, [first, Linear(rng.random((10, 64)) < 0.5, None)])
    net.save(tmp_path / "net.bnn")
    pixels, labels = data.digits()
    bits = net.upto(1)
    head = RidgeHead().fit(bits.forward(pixels), labels)
    head.save(tmp_path / "h", extractor_id=bits.id, class_names=tuple("0123456789"))
    page, figures = tmp_path / "a.html", tmp_path / "a.json"
    name = f"{tmp_path / 'net.bnn'}:features"
    words = ("-o", page, "--head", tmp_path / "h", "-n", 500, "--json", figures)
    assert run("report", name, "digits", *words)[0] == 0
    right = int((head.predict(bits.forward(pixels[:500])) == labels[:500]).sum())
    assert f"{right} of 500 images are named rightly" in page.read_text()
    assert run("report", tmp_path / "net.bnn", "digits", "-o", page, "-n", 500)[0] == 0
    right = int((net.classify(pixels[:500]) == labels[:500]).sum())
    assert f"{right} of 500 images are named rightly" in page.read_text()
    code, _, err = run("report", tmp_path / "net.bnn", "digits", "--head", tmp_path / "h")
    assert (code, "was trained for extractor" in err) == (2, True)


def networks():
    images = data.fashion_mnist("test")[0][:4].reshape(-1, 28, 28, 1)
    yield "fashion28", extractors.features(), images
    net = TOPOLOGIES["cnv"].random(0)
    yield "cnv", net, noise(net)
    yield "shortcut28", shortcut28(), images
    for seed in (2, 9):
        net = draw_network(np.random.default_rng(seed))
        yield f"generated{seed}", net, noise(net)


@pytest.fixture(scope="module")
def chromium():
    program = browser.find()
    if program is None:
        pytest.skip(f"no browser is here ({', '.join(browser.PROGRAMS)}); apt-get install chromium")
    with browser.Browser(program) as opened:
        yield opened


SELECTED = "document.querySelectorAll('[data-node].selected').length"
FOCUSED = "document.activeElement.id || document.activeElement.className"


@pytest.mark.parametrize("number", range(5), ids=lambda n: [*names()][n])
def test_in_a_browser(chromium, tmp_path, number):
    name, net, images = [*networks()][number]
    acc = Accelerator(net)
    told = np.arange(40) % 4
    classes = Classes.of_predictions("A head", ("a", "b", "<c>", "d"), told, told[::-1])
    page = tmp_path / f"{name}.html"
    report(acc, title=name, target="ecp5-85k", images=images, classes=classes).save(page)
    assert page.stat().st_size <= MOST_BYTES
    chromium.problems.clear()
    chromium.requested.clear()
    chromium.open(page)
    count = "document.querySelectorAll('{}').length".format
    assert chromium.evaluate("document.title") == f"{name}: bitlight"
    assert chromium.evaluate(count("#map .box")) == len(net.nodes) + 1
    assert chromium.evaluate(count("#by-unit tbody tr")) == len(acc.units)
    assert chromium.evaluate(count("#timeline .lane")) == len(acc.units)
    assert chromium.evaluate(count("#maps-0 img")) == len(net.nodes) + 1
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert chromium.evaluate(broken) == 0
    check_keyboard(chromium, net)
    check_sorting(chromium, acc)
    check_width(chromium)
    assert chromium.problems == []
    assert [url for url in chromium.requested if not url.startswith("data:")] == [page.as_uri()]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for dark, media in ((False, ""), (True, ""), (False, "print")):
        chromium.emulate(dark=dark, media=media)
        look = media or ("dark" if dark else "light")
        chromium.screenshot(SCREENSHOTS / f"{name}-{look}.png")
    chromium.emulate()


def names():
    return ("fashion28", "cnv", "shortcut28", "generated2", "generated9")


def check_keyboard(chromium, net):
    """Tab leads to all that can be used, and the network is one stop with arrows inside."""
    chromium.press("Tab")
    assert chromium.evaluate(FOCUSED) == "skip"
    reached = []
    for _ in range(200):
        chromium.press("Tab")
        where = chromium.evaluate(FOCUSED)
        if where == "skip" or (
            reached and chromium.evaluate("document.activeElement === document.body")
        ):
            break
        reached.append(where)
    assert {"theme", "map", "pick"} <= set(reached)
    assert reached.count("map") == 1
    chromium.evaluate("document.querySelector('#map').focus()")
    chromium.press("ArrowDown")
    chromium.press("Enter")
    first = chromium.evaluate("document.querySelector('.box.selected').dataset.node")
    assert first == net.nodes[0].name
    assert chromium.evaluate(SELECTED) > 2
    assert chromium.evaluate("document.querySelector('#told').textContent.length") > 0
    chromium.press("End")
    chromium.press(" ")
    last = chromium.evaluate("document.querySelector('.box.selected').dataset.node")
    assert last == net.nodes[-1].name
    chromium.press("Escape")
    assert chromium.evaluate(SELECTED) == 0


def check_sorting(chromium, acc):
    """The heading's button sorts by cycles, the most first, and then the other way around."""
    rows = "[...document.querySelectorAll('#by-layer tbody tr')]"
    column = f"{rows}.map(row => Number(row.children[3].dataset.value))"
    chromium.evaluate("document.querySelectorAll('#by-layer th button')[3].focus()")
    chromium.press("Enter")
    cycles = chromium.evaluate(column)
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[0] <= acc.cycles_per_image
    chromium.press("Enter")
    assert chromium.evaluate(column) == cycles[::-1]


def check_width(chromium):
    """On a phone nothing but tables and charts, which scroll by themselves, is wider than that."""
    chromium.resize(400, 800)
    assert chromium.evaluate("document.documentElement.scrollWidth") <= 400
    chromium.resize(1400, 900)
    assert chromium.evaluate("document.documentElement.scrollWidth") <= 1400


def test_images_of_different_classes_are_shown():
    assert _different(np.array([0, 0, 1, 1, 2]), 3) == [0, 2, 4]
    assert _different(np.array([0, 0, 1, 1, 2]), 4) == [0, 1, 2, 4]
    assert _different(np.full(5, -1), 2) == [0, 1]
    assert _different(np.zeros(0, int), 2) == []


def test_pictures_of_a_deep_network_have_room():
    nodes, last = {}, "input"
    for place in range(120):  # levels of noise, which nothing compresses
        nodes[f"n{place}"] = (MaxPool2d((1, 1)), last)
        last = f"n{place}"
    net = Network((64, 64, 24), 4, nodes)
    (maps, *_) = feature_maps(net, noise(net, 2), ["one", "two"])
    assert len(maps.layers) == 120
    assert sum(len(picture.url) for picture in maps.layers) < 1.05 * MOST_OF_PICTURES
