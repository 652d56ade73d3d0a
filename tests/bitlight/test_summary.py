import dataclasses
import json

import numpy as np

from bitlight import Conv2d, Linear, MaxPool2d, Network
from bitlight.network.summary import WIDTH, Macs, Parameters, Summary, summarize


def network():
    layers = [
        Conv2d(np.ones((4, 3, 3, 1), bool), np.zeros(4, np.int32), padding=(1, 1)),
        MaxPool2d(),
        Conv2d(np.ones((6, 2, 2, 4), bool), np.zeros(6, np.int32)),
        Linear(np.ones((5, 54), bool), None),
    ]
    return Network((8, 8, 1), 3, layers)


def test_rows_of_a_network():
    rows = summarize(network()).rows
    assert [(row.name, row.type, row.output_shape) for row in rows] == [
        ("0", "Conv2d", (8, 8, 4)),
        ("1", "MaxPool2d", (4, 4, 4)),
        ("2", "Conv2d", (3, 3, 6)),
        ("3", "Linear", (5,)),
    ]
    assert [row.parameters for row in rows] == [
        (Parameters(1, 36), Parameters(32, 4)),
        (),
        (Parameters(1, 96), Parameters(32, 6)),
        (Parameters(1, 270),),
    ]
    assert [row.macs for row in rows] == [
        Macs(1, 3, 64 * 4 * 9),
        None,
        Macs(1, 1, 9 * 6 * 16),
        Macs(1, 1, 270),
    ]


def test_totals():
    figures = summarize(network())
    assert figures.parameters == (Parameters(1, 402), Parameters(32, 10))
    assert figures.macs == (Macs(1, 1, 1134), Macs(1, 3, 2304))
    assert figures.memory_bits == 402 + 320 == sum(row.memory_bits for row in figures.rows)
    assert figures.float_bits == 32 * 412
    assert figures.ratio == 32 * 412 / 722
    assert figures.binary_share == 1134 / 3438


def test_nothing_to_count():
    figures = Summary("nothing", ())
    assert (figures.ratio, figures.binary_share) == (1, 0)
    assert "in all" in str(figures)


def test_table(monkeypatch):
    plain = str(summarize(network()))
    assert ["3", "Linear", "5", "270", "0.03", "270"] in [
        line.split() for line in plain.splitlines()
    ]
    assert "2,304" in plain.splitlines()[-2]
    assert "18.3 times as much; 33.0% of the MACs are 1×1-bit" in plain.splitlines()[-1]
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert str(summarize(network())) == plain


def test_long_names_are_folded_and_numbers_are_not():
    figures = summarize(network())
    row = dataclasses.replace(figures.rows[2], name="a.very.long.path." * 9)
    lines = str(Summary("long", (figures.rows[0], row))).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert any("3×3×6" in line and "864" in line for line in lines)


def test_figures_can_be_written_as_json():
    written = json.loads(json.dumps(dataclasses.asdict(summarize(network()))))
    assert written["rows"][0]["macs"] == {"weight_bits": 1, "input_bits": 3, "count": 2304}
