import dataclasses
import json

import numpy as np
import pytest

from bitlight import Conv2d, Linear, MaxPool2d, Network
from bitlight.network.inspection import inspect

# The layers of CNV-w1a1 as FINN publishes them: (inputs of a sum, outputs, pixels of the output).
CNV = [
    (27, 64, 30 * 30),
    (576, 64, 28 * 28),
    (576, 128, 12 * 12),
    (1152, 128, 10 * 10),
    (1152, 256, 3 * 3),
    (2304, 256, 1),
    (256, 512, 1),
    (512, 512, 1),
    (512, 10, 1),
]


def convolution(inputs, outputs, **geometry):
    thresholds = np.arange(outputs, dtype=np.int32) - 5
    return Conv2d(np.ones((outputs, 3, 3, inputs), bool), thresholds, **geometry)


def linear(inputs, outputs, scores=False):
    threshold = None if scores else np.full(outputs, 7, np.int32)
    return Linear(np.ones((outputs, inputs), bool), threshold)


@pytest.fixture(scope="module")
def cnv():
    layers = [
        convolution(3, 64),
        convolution(64, 64),
        MaxPool2d(),
        convolution(64, 128),
        convolution(128, 128),
        MaxPool2d(),
        convolution(128, 256),
        convolution(256, 256),
        linear(256, 512),
        linear(512, 512),
        linear(512, 10, scores=True),
    ]
    return Network((32, 32, 3), 8, layers)


def test_cnv_has_the_published_sizes(cnv):
    rows = [row for row in inspect(cnv).rows if row.type != "MaxPool2d"]
    assert [row.weight_bits for row in rows] == [k * outputs for k, outputs, _ in CNV]
    planes = [8] + [1] * 8
    assert [row.xnor_macs for row in rows] == [
        k * outputs * pixels * bits for (k, outputs, pixels), bits in zip(CNV, planes, strict=True)
    ]


def test_totals_are_the_sums(cnv):
    figures = inspect(cnv)
    assert figures.weight_bits == sum(k * outputs for k, outputs, _ in CNV) == 1_542_848
    assert figures.xnor_macs == sum(row.xnor_macs for row in figures.rows)
    assert (figures.id, figures.n_features, figures.gives_scores) == (cnv.id, 10, True)


def test_rows_say_what_the_layers_are(cnv):
    rows = inspect(cnv).rows
    assert [row.index for row in rows] == list(range(11))
    assert [row.output_shape for row in rows] == list(cnv.shapes[1:])
    assert (rows[0].threshold_min, rows[0].threshold_max) == (-5, 58)
    assert (rows[2].threshold_min, rows[2].weight_bits, rows[2].xnor_macs) == (None, 0, 0)
    assert (rows[10].threshold_min, rows[10].threshold_max) == (None, None)


@pytest.mark.parametrize(
    ("layer", "description"),
    [
        (convolution(3, 4), "Conv2d 3x3, stride 1x1"),
        (
            convolution(3, 4, stride=(2, 1), padding=(1, 0), pad_value=0),
            "Conv2d 3x3, stride 2x1, padding 1x0 of 0",
        ),
        (MaxPool2d((3, 2), (2, 2)), "MaxPool2d 3x2, stride 2x2"),
        (linear(8 * 8 * 3, 5), "Linear"),
    ],
)
def test_description(layer, description):
    assert inspect(Network((8, 8, 3), 1, [layer])).rows[0].description == description


def test_figures_can_be_written_as_json(cnv):
    written = json.loads(json.dumps(dataclasses.asdict(inspect(cnv))))
    assert written["rows"][0]["output_shape"] == [30, 30, 64]
    assert written["xnor_macs"] == inspect(cnv).xnor_macs
