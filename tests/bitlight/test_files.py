"""A name never stands for half a file."""

import contextlib
import io
import os
import signal
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bitlight.errors import BitlightError
from bitlight.files.replacing import check_distinct, check_writable, replacing, size_of


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
from bitlight.files.replacing import replacing
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


@contextlib.contextmanager
def read_at_once(path):
    """Collects what is written to a pipe with a name."""
    found = []
    thread = threading.Thread(target=lambda: found.append(path.read_bytes()))
    thread.start()
    yield found
    thread.join()


def test_a_device_stays_one():
    before = os.stat("/dev/null")
    with replacing("/dev/null") as file:
        file.write(b"gone")
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


def test_a_pipe_gets_the_content(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)
    with read_at_once(path) as found, replacing(path) as file:
        np.savez(file, a=np.arange(5))
    assert np.array_equal(np.load(io.BytesIO(found[0]))["a"], np.arange(5))
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_pipe_gets_nothing_if_the_block_fails(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with read_at_once(path) as found, pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert found == [b""]


@pytest.mark.parametrize("path", ["/dev/fd/{}", "/proc/self/fd/{}"])
@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR | os.O_APPEND])
def test_a_descriptor_is_written_where_it_stands(tmp_path, path, flags):
    """A file that a shell has opened keeps what was written there before."""
    (tmp_path / "a").touch()
    descriptor = os.open(tmp_path / "a", flags)
    try:
        os.write(descriptor, b"before ")
        with replacing(path.format(descriptor)) as file:
            file.write(b"content")
        os.write(descriptor, b" after")
    finally:
        os.close(descriptor)
    assert (tmp_path / "a").read_bytes() == b"before content after"
    with pytest.raises(BitlightError, match="Bad file descriptor"), replacing("/dev/fd/999"):
        pass


def test_standard_output_is_no_file_to_replace(tmp_path):
    program = """
from bitlight.files.replacing import replacing
print("before")
with replacing("/dev/stdout") as file:
    file.write(b"content")
print(" after")
"""
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\ncontent after\n"


@pytest.mark.parametrize("there", [False, True])
def test_links_stay_and_lead_to_the_content(tmp_path, there):
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "target"
    if there:
        target.write_bytes(b"old")
    (tmp_path / "second").symlink_to("folder/target")
    (tmp_path / "first").symlink_to("second")
    with replacing(tmp_path / "first") as file:
        file.write(b"new")
    assert os.readlink(tmp_path / "first") == "second"
    assert os.readlink(tmp_path / "second") == "folder/target"
    assert target.read_bytes() == b"new"
    assert not target.is_symlink()


def test_a_link_to_itself(tmp_path):
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(BitlightError, match="cannot write .*symbolic links"):
        replacing(tmp_path / "a").__enter__()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444])
def test_permissions_stay(tmp_path, mode):
    path = tmp_path / "a"
    path.touch()
    path.chmod(mode)
    if not os.access(path, os.W_OK):
        with pytest.raises(BitlightError, match="Permission denied"):
            replacing(path).__enter__()
        return
    with replacing(path) as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
        file.write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_the_owner_stays(tmp_path):
    path = tmp_path / "a"
    path.touch()
    os.chown(path, 65534, 12345)
    with replacing(path):
        pass
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 12345)


def test_a_new_file_has_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "a"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("name", [b"n" * 255, b"-n", b" \n", b"\xff\xfe", "ä".encode()])
def test_names(tmp_path, name):
    path = os.fsencode(tmp_path) + b"/" + name
    for content in (b"one", b"two"):
        with replacing(os.fsdecode(path)) as file:
            file.write(content)
    with open(path, "rb") as file:
        assert file.read() == b"two"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_no_file(tmp_path):
    for path in (tmp_path, f"{tmp_path}/", f"{tmp_path}/."):
        with pytest.raises(BitlightError, match="Is a directory"):
            replacing(path).__enter__()


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path):
    path = tmp_path / "a"
    program = f"""
import os, signal
from bitlight.files.replacing import replacing
with replacing({str(path)!r}) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [entry.name[:10] for entry in tmp_path.iterdir()] == [".bitlight-"]
    with replacing(path) as file:
        file.write(b"whole")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_two_writers_at_once(tmp_path):
    path = tmp_path / "a"
    with replacing(path) as first, replacing(path) as second:
        first.write(b"first")
        second.write(b"second")
        assert len(list(tmp_path.iterdir())) == 2
    assert path.read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1


def test_many_writers_at_once(tmp_path):
    path = tmp_path / "a"
    contents = [bytes([number]) * 10_000 for number in range(100)]

    def write(content):
        with replacing(path) as file:
            file.write(content)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, contents))
    assert path.read_bytes() in contents
    assert len(list(tmp_path.iterdir())) == 1


def test_distinct_files(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "link").symlink_to("a")
    os.link(tmp_path / "a", tmp_path / "hard")
    (tmp_path / "dangling").symlink_to("new")
    a, link, hard, new = (tmp_path / name for name in ("a", "link", "hard", "new"))
    check_distinct([a, new, "/dev/null", "/dev/null"], [tmp_path / "b", "/dev/null"])
    check_distinct([tmp_path / "no" / "a", tmp_path / "no" / "a"])
    for path in (a, link, hard, tmp_path / "folder" / ".." / "a"):
        with pytest.raises(BitlightError, match=r"is read as .*: give the output another name"):
            check_distinct([path], [a])
        with pytest.raises(BitlightError, match="are one file: give each output its own"):
            check_distinct([a, path])
    with pytest.raises(BitlightError, match="are one file"):
        check_distinct([new, tmp_path / "dangling"])
    with pytest.raises(BitlightError, match="lies in .*, which is read"):
        check_distinct([tmp_path / "folder" / "a"], [tmp_path])
    with pytest.raises(BitlightError, match="is read as"):
        check_distinct([tmp_path], [tmp_path])


def test_sizes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert size_of(tmp_path / "a") == 3
    assert size_of("/dev/null") is None
    assert size_of(tmp_path / "b") is None


@pytest.mark.parametrize("folders", [False, True])
def test_what_can_be_written(tmp_path, monkeypatch, folders):
    monkeypatch.chdir(tmp_path)
    for name in ("new", "new/", f"{tmp_path}/new", "/dev/null", "/dev/stdout"):
        if not folders or not name.startswith("/dev"):
            check_writable(name, folders=folders)
    with contextlib.nullcontext() if folders else pytest.raises(BitlightError, match="No such"):
        check_writable("none/new", folders=folders)
    (tmp_path / "file").touch()
    with pytest.raises(BitlightError, match="cannot write file/new: Not a directory"):
        check_writable("file/new", folders=folders)
    root = os.geteuid() == 0
    try:
        os.setresuid(*(65534, 65534, 0) if root else (-1, -1, -1))
        with pytest.raises(BitlightError, match="cannot write /usr/new: Permission denied"):
            check_writable("/usr/new", folders=folders)
    finally:
        os.setresuid(*(0, 0, 0) if root else (-1, -1, -1))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
