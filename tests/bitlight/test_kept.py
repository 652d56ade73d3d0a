"""Entries of the cache: whole, ours and no larger together than they may be, or not there."""

import os
import shutil
import time

import pytest

from bitlight.errors import BitlightError
from bitlight.files import kept

KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(key=KEY, content=b"content", name="simulators"):
    with kept.work(name) as work:
        (work / "rest").write_bytes(b"not kept")
        (work / "program").write_bytes(content)
        (work / "program").chmod(0o777)
        (work / "data").write_bytes(b"data")
        files = {"program": work / "program", "data": work / "data"}
        return kept.keep(name, key, files, work)


def test_what_is_kept_is_found():
    made = put()
    assert kept.find("simulators", KEY) == made
    assert kept.find("simulators", OTHER) is None
    assert kept.find("synthesis", KEY) is None
    assert (made.path / "program").read_bytes() == b"content"
    assert os.access(made.path / "program", os.X_OK)
    assert not os.access(made.path / "data", os.X_OK)
    assert sorted(path.name for path in made.path.iterdir()) == ["content", "data", "program"]
    assert [path.name for path in made.path.parent.iterdir()] == [KEY]


def test_the_first_of_two_stays():
    assert put() == put()


@pytest.mark.parametrize(
    "key", ["../../escaped", "", "a" * 63, "A" * 64, "a" * 64 + "\n", "/" * 64]
)
def test_a_key_is_a_digest(key):
    for call in (lambda: kept.find("simulators", key), lambda: put(key)):
        with pytest.raises(BitlightError, match="64 hexadecimal digits"):
            call()


def damages(path, name):
    """All that can be wrong with a file of an entry, each with what does it."""
    file = path / name
    whole = file.read_bytes()

    def as_content(content):
        return lambda: file.write_bytes(content)

    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} of {name}", as_content(bytes(changed))
    for content in (b"", whole[:-1], whole + b"\0", b"[" * 10_000, b"0" * 64 + b"\n[]"):
        yield f"{name} is {content[:9]!r}", as_content(content)
    yield f"no {name}", file.unlink
    yield f"{name} is a folder", lambda: (file.unlink(), file.mkdir())
    yield f"{name} is a pipe", lambda: (file.unlink(), os.mkfifo(file))
    yield (
        f"{name} is a link",
        lambda: (shutil.move(file, path.parent / name), file.symlink_to(path.parent / name)),
    )
    yield f"{name} can be written by others", lambda: file.chmod(0o666)


def test_nothing_damaged_is_used(folder):
    """Each single bit of each file, and more."""
    path = put().path
    spare = folder / "spare"
    shutil.copytree(path, spare)
    tried = [pair for name in ("program", "data", "content") for pair in damages(path, name)]
    tried += [
        ("a further file", (path / "more").touch),
        ("a program that does not run", lambda: (path / "program").chmod(0o600)),
        ("others may write to it", lambda: path.chmod(0o777)),
    ]
    for what, damage in tried:
        assert kept.read_checked(path), what
        damage()
        assert kept.read_checked(path) is None, what
        shutil.rmtree(path)
        shutil.copytree(spare, path)
    assert len(tried) > 2000


@pytest.mark.parametrize("there", ["damaged", "a file", "a link"])
def test_what_was_damaged_is_made_again(folder, there):
    path = put().path
    if there == "damaged":
        (path / "program").write_bytes(b"planted")
    else:
        shutil.rmtree(path)
        path.touch() if there == "a file" else path.symlink_to(folder)
    assert kept.find("simulators", KEY) is None
    assert not os.path.lexists(path)
    assert kept.find("simulators", put().path.name)


def test_what_lies_under_a_name_is_replaced():
    path = put().path
    (path / "program").write_bytes(b"planted")
    assert put().path == path
    assert (path / "program").read_bytes() == b"content"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file away")
@pytest.mark.parametrize("name", ["", "program", "content"])
def test_what_is_another_users_is_not_used(name):
    path = put().path
    os.chown(path / name, 12345, -1)
    assert kept.find("simulators", KEY) is None


def test_an_entry_of_another_name_is_not_used():
    path = put().path
    path.rename(path.with_name(OTHER))
    assert kept.find("simulators", OTHER) is None


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ("", 4 << 30),
        ("0", 0),
        ("12", 12),
        ("500M", 500 << 20),
        ("1.5 GiB", 3 << 29),
        ("2tb", 2 << 40),
    ],
)
def test_limits(monkeypatch, given, size):
    monkeypatch.setenv("BITLIGHT_CACHE_LIMIT", given)
    assert kept.limit() == size


@pytest.mark.parametrize("given", ["much", "-1", "1e9", "5 P", "9" * 100, "1M2"])
def test_no_limit(monkeypatch, given):
    monkeypatch.setenv("BITLIGHT_CACHE_LIMIT", given)
    with pytest.raises(BitlightError, match="should be bytes, or a number as in 500M or 4G"):
        put()


def test_the_least_recently_used_goes_first(monkeypatch):
    keys = [digit * 64 for digit in "0123456789"]
    for key in keys:
        put(key, bytes(1000))
    for age, key in enumerate(keys):
        path = kept.find("simulators", key).path
        os.utime(path, (0, time.time() - 10_000 - 100 * age))
    assert kept.find("simulators", keys[7])  # used just now
    monkeypatch.setenv("BITLIGHT_CACHE_LIMIT", "5000")
    kept.evict()
    assert [key for key in keys if kept.find("simulators", key)] == [*keys[:2], keys[7]]


def test_what_is_in_use_stays(monkeypatch):
    monkeypatch.setenv("BITLIGHT_CACHE_LIMIT", "0")
    put()
    put(OTHER)
    assert kept.find("simulators", KEY)
    assert kept.find("simulators", OTHER)


def test_clearing(folder):
    put()
    assert kept.clear(folder / "simulators") > 11
    assert kept.clear(folder / "simulators") == 0
    assert kept.find("simulators", KEY) is None
