"""Views of images, and heads that learn from them."""

import numpy as np
import pytest

from bitlight import Classifier, Conv2d, DataError, HeadError, Network, RidgeHead
from bitlight.data import Views
from bitlight.data.source import ArraySource
from bitlight.heads.heldout import fit_held_out, order_of_views
from bitlight.heads.holdout import hold_out


def test_every_view_is_what_it_says():
    image = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    found = Views(mirror=True, shift=1).of(image)
    assert len(found) == Views(mirror=True, shift=1).count == 10
    assert np.array_equal(found[0], image)
    assert np.array_equal(found[1][:, :, 0], image[:, :, 3])
    # Moved up, what is new below is the last row again; and so on.
    for view, rows, columns in (
        (2, [1, 2, 3, 3], [0, 1, 2, 3]),
        (4, [0, 0, 1, 2], [0, 1, 2, 3]),
        (6, [0, 1, 2, 3], [1, 2, 3, 3]),
        (8, [0, 1, 2, 3], [0, 0, 1, 2]),
    ):
        assert np.array_equal(found[view], image[:, rows][:, :, columns])
        assert np.array_equal(found[view + 1], image[:, :, ::-1][:, rows][:, :, columns])
    assert Views().of(image).shape == (1, 1, 4, 4, 3)


@pytest.mark.parametrize(
    ("views", "shape", "message"),
    [
        (Views(mirror=True), (784,), "784 values in a row are neither mirrored nor moved"),
        (Views(shift=4), (4, 9, 1), "4×9 cannot be moved by 4 pixels"),
    ],
)
def test_shapes_without_such_views(views, shape, message):
    with pytest.raises(DataError, match=message):
        views.check(shape)
    with pytest.raises(DataError, match="0 pixels or more, not -1"):
        Views(shift=-1)


def test_all_views_of_a_sample_are_held_out_or_none():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], (10, 25, 40)))
    order = order_of_views(labels, 4)
    assert sorted(order) == [*range(300)]
    samples = order % 75
    held = hold_out(labels[samples], np.zeros(3, np.int64))
    assert len(set(samples[held])) == 15  # a fifth
    assert not set(samples[held]) & set(samples[~held])


def test_the_trial_has_seen_no_view_of_what_it_is_tested_on():
    # Labels are noise, and both views the same: whoever has seen one knows the other.
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2, (400, 600), dtype=np.uint8), rng.integers(0, 2, 400)
    head = RidgeHead([1e-3])
    told = fit_held_out(head, np.concatenate([X, X]), y, views=2)
    assert (told.images, told.share < 0.65, head.score(X, y)) == (80, True, 1)


@pytest.fixture
def sided():
    """Images whose class is a stripe that stands left of the middle, a network that sees pixels."""
    rng = np.random.default_rng(3)
    images = rng.integers(0, 60, (60, 6, 6, 1)).astype(np.uint8)
    labels = np.arange(60) % 2
    images[labels == 1, :, 1] = 255
    net = Network((6, 6, 1), 8, [Conv2d(np.ones((1, 1, 1, 1), bool), np.array([128]))])
    return net, ArraySource("stripes", images, labels, (6, 6, 1), 8, ("none", "stripe")), images


def test_a_head_that_learnt_views_knows_what_it_has_not_seen(sided):
    net, source, images = sided
    plain = Classifier.train(source, net)
    both = Classifier.train(source, net, views=Views(mirror=True))
    mirrored = images[:, :, ::-1]
    wanted = [("none", "stripe")[n % 2] for n in range(60)]
    assert plain.predict(images) == both.predict(images) == both.predict(mirrored) == wanted
    assert plain.predict(mirrored) != wanted
    assert both.held_out.images == plain.held_out.images == 12


def test_leaving_out_one_view_is_refused(sided):
    net, source, _ = sided
    with pytest.raises(HeadError, match="leave-one-out leaves the other views"):
        Classifier.train(source, net, RidgeHead(selection="leave-one-out"), views=Views(shift=1))
