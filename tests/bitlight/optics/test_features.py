"""OpticalFeatures: any form of bits, any camera, linear projections, errors before any work."""

import contextlib
import pickle

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from bitlight import Camera, OpticalFeatures, OpticsError, RidgeHead, bits
from bitlight.optics import memory
from bitlight.optics.display import Display
from bitlight.optics.encoders import Sign, Thresholds
from bitlight.optics.media import MEDIA
from bitlight.optics.speckle import Speckle

N = 77
X = np.random.default_rng(0).integers(0, 2, (40, N), dtype=np.uint8)
FORMS = {
    "bool": X.astype(bool),
    "int": X.astype(np.int64),
    "float": X.astype(np.float32),
    "list": X.tolist(),
    "csr": sparse.csr_matrix(X),
    "coo": sparse.coo_array(X.astype(float)),
    "fortran": np.asfortranarray(X),
    "torch": torch.tensor(X),
    "torch with gradient": torch.tensor(X, dtype=torch.float32, requires_grad=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_any_form_of_bits(form):
    optics = OpticalFeatures(50).fit(X)
    assert np.array_equal(optics.transform(FORMS[form]), optics.transform(X))
    assert np.array_equal(OpticalFeatures(50).fit_transform(FORMS[form]), optics.transform(X))


@pytest.mark.parametrize("n", [1, 8, 31, 32, 33, 77])
def test_packed_frames(n):
    x = X[:, :n]
    expected = OpticalFeatures(50).fit_transform(x)
    packed = OpticalFeatures(50, packed=True, n_features=n).fit(bits.pack(x))
    assert np.array_equal(packed.transform(bits.pack(x)), expected)
    assert packed.n_bits_ == n


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("bits_each", [6, 8, 12])
def test_counts_are_the_camera_s(medium, bits_each):
    camera = Camera(bits_each)
    optics = OpticalFeatures(600, medium, camera).fit(X)
    light = MEDIA[medium](N, 0).intensities(bits.pack_words(X), 0, 600)
    assert optics.exposure_ == camera.exposed(light)
    found = optics.transform(X)
    assert found.dtype == (np.uint8 if bits_each <= 8 else np.uint16)
    assert np.array_equal(found, camera.capture(light, optics.exposure_))
    plain = OpticalFeatures(600, medium, camera=None).fit_transform(X)
    assert plain.dtype == np.float32
    assert np.array_equal(plain, light)


def test_quality_of_the_automatic_exposure():
    optics = OpticalFeatures(2000).fit(X)
    counts = optics.transform(X)
    mean, saturated = optics.quality_
    assert counts.mean() == pytest.approx(255 * mean)
    assert (counts == 255).mean() == saturated <= 0.005
    assert mean >= 11 / 255
    assert OpticalFeatures(20, camera=None).fit(X).quality_ is None


@pytest.mark.parametrize("medium", MEDIA)
def test_more_components_do_not_change_the_first(medium):
    camera = Camera(exposure=1.0)
    few = OpticalFeatures(70, medium, camera).fit_transform(X)
    many = OpticalFeatures(900, medium, camera).fit_transform(X)
    assert np.abs(many[:, :70].astype(int) - few).max() <= (medium == "gaussian")


def test_batches_do_not_matter(monkeypatch):
    camera = Camera(full_well=2000.0, read_noise=5.0, dead=0.1)
    speckle = Speckle(grain=2.0, polarised=False, drift_frames=13)
    optics = OpticalFeatures(300, camera=camera, speckle=speckle).fit(X)
    whole = optics.transform(X)
    assert np.array_equal(optics.transform(X[7:9], first_frame=7), whole[7:9])
    monkeypatch.setattr("bitlight.optics.projection._BYTES", 5 * (4 * 300 + N))
    rows, parts = zip(*optics.batches(X), strict=True)
    assert [part.stop for part in rows] == list(range(5, 45, 5))
    assert np.array_equal(np.concatenate(parts), whole)


def test_a_head_never_holds_all(monkeypatch):
    monkeypatch.setattr("bitlight.optics.projection._BYTES", 5 * (4 * 300 + N))
    labels = X[:, 0] + X[:, 1]
    optics, head = OpticalFeatures(300).fit(X), RidgeHead([10.0])
    for rows, features in optics.batches(X):
        head.partial_fit(features, labels[rows], classes=[0, 1, 2])
    whole = RidgeHead([10.0]).fit(optics.transform(X), labels)
    assert np.array_equal(head.predict(optics.transform(X)), whole.predict(optics.transform(X)))


@pytest.mark.parametrize("medium", MEDIA)
def test_linear_projection_is_linear_and_keeps_products(medium):
    kept = medium == "gaussian"
    optics = OpticalFeatures(4000, medium, None, linear=True, materialise=kept).fit(X)
    left, right = X.copy(), X.copy()
    left[:, 40:], right[:, :40] = 0, 0
    y, a, b = (optics.transform(x).astype(float) for x in (X, left, right))
    assert y.shape == (40, 4000)
    assert np.median(np.abs(a + b - y)) < 1e-4
    products = X.astype(float) @ X.T
    assert np.abs(y @ y.T / 4000 - products).max() < 0.1 * products.max()


def test_linear_projection_through_a_camera():
    exact = OpticalFeatures(4000, camera=None, linear=True).fit_transform(X)
    errors = []
    for camera in (Camera(12), Camera(8), Camera(8, full_well=1000.0)):
        found = OpticalFeatures(4000, camera=camera, linear=True).fit_transform(X)
        assert found.dtype == np.float32
        errors.append(np.median(np.abs(found - exact)) / exact.std())
    assert 0 < 5 * errors[0] < errors[1] < 0.02
    assert 2 * errors[1] < errors[2] < 0.2


def test_display_of_macro_pixels():
    display = Display((30, 40), region=(2, 4, 24, 30))
    assert display.side(N) == 3
    shown = bits.unpack_words(display.show(bits.pack_words(X), N), 1200).reshape(-1, 30, 40)
    assert (shown.sum(axis=(1, 2)) == 9 * X.sum(axis=1)).all()
    assert not shown[:, :2].any()
    assert not shown[:, :, :4].any()
    assert np.array_equal(shown[:, 2:5, 4:7], np.tile(X[:, :1, np.newaxis], (1, 3, 3)))
    y = OpticalFeatures(30_000, "structured", camera=None, display=display).fit_transform(X)
    assert y.mean(axis=1) == pytest.approx(X.sum(axis=1), rel=0.03)


@pytest.mark.parametrize(
    ("display", "message"),
    [
        ({"shape": (5, 5)}, "77 features do not fit 5 × 5 mirrors, 1 × 1 for each"),
        ({"macro_pixel": 200}, "77 features do not fit 912 × 1140 mirrors, 200 × 200"),
        ({"region": (0, 0, 913, 5)}, "is not within"),
        ({"macro_pixel": 0}, "macro_pixel must be 1 mirror or more"),
    ],
)
def test_displays_that_do_not_fit(display, message):
    with pytest.raises(OpticsError, match=message):
        OpticalFeatures(5, display=Display(**display)).fit(X)


def test_encoders_before_the_display():
    numbers = np.random.default_rng(1).standard_normal((30, 5))
    for encoder in (Sign(), Thresholds(4)):
        found = OpticalFeatures(64, encoder=encoder).fit_transform(numbers)
        chain = make_pipeline(encoder, OpticalFeatures(64))
        assert np.array_equal(found, chain.fit_transform(numbers))


def test_clone_pickle_names_and_frames():
    optics = OpticalFeatures(5, random_state=3, camera=Camera(10)).fit(X)
    assert np.array_equal(clone(optics).fit_transform(X), optics.transform(X))
    assert np.array_equal(pickle.loads(pickle.dumps(optics)).transform(X), optics.transform(X))
    assert list(optics.get_feature_names_out())[-1] == "opticalfeatures4"
    other = OpticalFeatures(5, random_state=np.random.RandomState(0)).fit(X)
    assert not np.array_equal(other.transform(X), OpticalFeatures(5).fit_transform(X))


def test_a_kept_gaussian_medium_is_the_same():
    kept = OpticalFeatures(300, "gaussian", camera=None, materialise=True).fit_transform(X)
    assert kept == pytest.approx(
        OpticalFeatures(300, "gaussian", camera=None).fit_transform(X), rel=1e-4, abs=1e-4
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components must be 1 or more, not 0"),
        ({"n_components": 2.5}, "n_components must be 1 or more, not 2.5"),
        ({"n_components": 10**13}, r"10,000,000,000,000 components of a frame take 2e\+05 GB"),
        ({"medium": "fog"}, "medium must be one of binary, gaussian, structured, not 'fog'"),
        ({"camera": 8}, "camera must be a Camera, 'auto' or None, not 8"),
        ({"exponent": 0}, "exponent must be above 0, up to 4, not 0"),
        ({"exponent": 5}, "exponent must be above 0, up to 4, not 5"),
        ({"linear": True, "exponent": 2}, "linear projection has exponent 1"),
        ({"n_features": 78}, "frames must have 78 features, not 77"),
        ({"packed": True, "n_features": 600}, "frames must have 75 packed bytes, not 77"),
        ({"materialise": True}, "materialise is for the gaussian medium"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(OpticsError, match=message):
        OpticalFeatures(**{"n_components": 5, **parameters}).fit(X)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (X * 2, "frames must be bits, 0 or 1, not 2: give an encoder"),
        (X - 1.0, "not -1.0"),
        (-X.astype(np.int8), "not -1"),
        (X * 0.5, "not 0.5"),
        (sparse.csr_matrix(X * 3), "not 3"),
        (X[:, 1:], "76 features"),
        (X[0], "Expected 2D array"),
        (np.where(X, np.nan, 0), "NaN"),
    ],
)
def test_bad_frames(bad, message):
    optics = OpticalFeatures(5).fit(X)
    with pytest.raises(OpticsError, match=message):
        optics.transform(bad)


def test_bad_packed_frames():
    packed = OpticalFeatures(5, packed=True, n_features=N)
    with pytest.raises(OpticsError, match="ones behind their 77 bits"):
        packed.fit(bits.pack(X) | 128)
    with pytest.raises(OpticsError, match="must be uint8 bytes, not int64"):
        packed.fit(bits.pack(X).astype(np.int64))


def test_memory_is_asked_for_first(monkeypatch):
    optics = OpticalFeatures(5000).fit(X)
    monkeypatch.setattr(memory, "available", lambda: 100_000)
    with pytest.raises(OpticsError, match=r"40 × 5,000 features .* from batches\(X\)"):
        optics.transform(X)
    with pytest.raises(OpticsError, match="leave out materialise"):
        OpticalFeatures(4000, "gaussian", materialise=True).fit(X)


def test_progress_is_shown_where_asked_for(monkeypatch):
    shown = []

    def progress(label, total):
        return contextlib.nullcontext(lambda done: shown.append((label, done, total)))

    monkeypatch.setattr("bitlight.console.progress.progress", progress)
    OpticalFeatures(5).fit_transform(X)
    assert not shown
    OpticalFeatures(5, verbose=True).fit_transform(X)
    assert shown[-1] == ("optical projection", len(X), len(X))
