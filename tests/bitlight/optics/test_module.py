"""The torch module computes what OpticalFeatures does, and passes gradients."""

import numpy as np
import pytest
import torch

import bitlight
from bitlight import OpticalFeatures, OpticalProjection, OpticsError
from bitlight.optics import memory
from bitlight.optics.media import MEDIA

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch has no CUDA device"),
    ),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize(("n", "count", "exponent"), [(1, 3, 1), (300, 1200, 1), (257, 40, 2)])
def test_equals_the_features(device, medium, n, count, exponent):
    x = np.random.default_rng(0).integers(0, 2, (7, n), dtype=np.uint8)
    expected = OpticalFeatures(
        count, medium, camera=None, exponent=exponent, random_state=5
    ).fit_transform(x)
    project = OpticalProjection(n, count, medium, exponent, random_state=5).to(device)
    found = project(torch.from_numpy(x).to(device)).cpu().numpy()
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-3 * float(expected.mean()))


def test_gradients_pass():
    project = OpticalProjection(20, 300).double()
    x = torch.rand(3, 20, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(project, (x,))
    assert not list(project.parameters())
    assert "structured" in repr(project)


def test_what_cannot_be(monkeypatch):
    for parameters, message in (
        ((0, 5), "n_features must be 1 or more, not 0"),
        ((5, 0), "n_components must be 1 or more"),
        ((5, 5, "fog"), "medium must be one of"),
        ((5, 5, "binary", -1), "exponent must be above 0"),
    ):
        with pytest.raises(OpticsError, match=message):
            OpticalProjection(*parameters)
    with pytest.raises(OpticsError, match="x must have 20 features, not 19"):
        OpticalProjection(20, 5)(torch.zeros(2, 19))
    monkeypatch.setattr(memory, "available", lambda: 1000)
    with pytest.raises(OpticsError, match="take the structured medium"):
        OpticalProjection(20, 50, "binary")


def test_bitlight_has_it():
    assert bitlight.OpticalProjection is OpticalProjection
