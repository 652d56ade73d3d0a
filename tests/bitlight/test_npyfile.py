import io

import numpy as np
import pytest

from bitlight.files.npy import read_npy


def written(array, pickle=False):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickle)
    return file.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.asfortranarray(np.random.default_rng(0).random((4, 3, 2))),
        np.zeros((0, 5), ">i4"),
        np.array("text"),
        np.array(["\U0010ffff", "b"], ">U1"),
        np.array(True),
    ],
)
def test_reads_what_numpy_writes(array):
    content = written(array)
    again = read_npy(io.BytesIO(content), len(content))
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert np.array_equal(again, array)


ARRAY = written(np.zeros((3, 4), np.uint8))
REFUSED = {
    "does not fill its 11 bytes": ARRAY[:-1],
    "does not fill its 13 bytes": ARRAY + b"x",
    "of uint8 does not fill": ARRAY.replace(b"(3, 4)", b"(9, 4)"),
    "it cannot have the shape": ARRAY.replace(b"(3, 4)", b"(-3,4)"),
    "it holds object, not numbers": written(np.array([None]), pickle=True),
    "it is of version 2.0, not 1.0": ARRAY[:6] + b"\x02\0" + b"\xff\xff\xff\0" + ARRAY[12:],
    "its header is damaged": ARRAY.replace(b"(3, 4)", b"(((((("),
    "Header info length": ARRAY[:8] + b"\xff\xff" + ARRAY[10:118] + bytes(1 << 16),
    "its texts have what is no letter": written(np.array("text"))[:-4] + b"\0\0\x11\0",
    "magic string is not correct": b"x" * 200,
}


@pytest.mark.parametrize("message", REFUSED)
def test_other_files_are_refused(message):
    with pytest.raises(ValueError, match=message):
        read_npy(io.BytesIO(REFUSED[message]), len(REFUSED[message]))
