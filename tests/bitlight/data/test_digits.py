import numpy as np

from bitlight.data import digits


def test_shape_and_scale():
    images, labels = digits()
    assert images.shape == (1797, 8, 8, 1)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int64
    assert set(labels) == set(range(10))
    assert len(np.unique(images)) == 17
    assert (images.min(), images.max()) == (0, 255)
