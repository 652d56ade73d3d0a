"""A name never stands for half a file."""

import os
import subprocess
import sys

import pytest

from bitlight.errors import BitlightError
from bitlight.files import replacing


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "a"
    for content in (b"one", b"two"):
        with replacing(path) as file:
            file.write(content)
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_an_error_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"new")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_no_folder(tmp_path):
    with (
        pytest.raises(BitlightError, match="cannot write .*no/a: No such file"),
        replacing(tmp_path / "no" / "a"),
    ):
        pass


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is Linux's")
def test_a_full_disk(tmp_path):
    """A limit on the file's size stands for a full disk: the write itself fails."""
    program = f"""
import resource, signal
from bitlight import BitlightError
from bitlight.files import replacing
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with replacing({str(tmp_path / "a")!r}) as file:
        file.write(bytes(5000))
except BitlightError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "cannot write" in done.stdout
    assert "File too large" in done.stdout
    assert not list(tmp_path.iterdir())
