"""Whose the cache is, and that work goes on without one."""

import logging
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bitlight.files import cache, scratch
from bitlight.files.cache import CacheError, cache_folder, digest, own_section, section, sections

ROOT = os.geteuid() == 0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache that is not there yet."""
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path / "cache"))
    cache._say.cache_clear()
    cache._temporary.cache_clear()
    return tmp_path / "cache"


def test_the_environment_says_where(monkeypatch, tmp_path):
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BITLIGHT_CACHE", "here")
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("BITLIGHT_CACHE")
    assert cache_folder().name == "bitlight"


def test_without_a_home_there_is_no_cache_in_the_working_folder(monkeypatch, tmp_path):
    for name in ("BITLIGHT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for an unknown user
    assert cache_folder() is None
    with pytest.raises(CacheError, match=r"no home folder; \$BITLIGHT_CACHE may name another"):
        own_section("things")


def test_other_content_has_another_name():
    assert digest("a", "b") == digest("a", "b")
    assert len({digest("a", "b"), digest("ab"), digest("b", "a"), digest("a", "b", "")}) == 4
    assert digest("\udcff") != digest("?")


def test_a_cache_is_its_users_alone(folder):
    before = os.umask(0)
    try:
        made = section("things")
    finally:
        os.umask(before)
    assert made == folder / "things"
    for path in (folder, made):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert sections("things") == [made]
    assert sections("others") == []


def spoilt(path, how):
    if how == "group":
        path.chmod(0o770)
    elif how == "others":
        path.chmod(0o707)
    elif how == "owner":
        os.chown(path, 12345, -1)
    elif how == "file":
        path.rmdir()
        path.touch()


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("group", "others may write to {}; try: chmod go-w {}"),
        ("others", "others may write to {}; try: chmod go-w {}"),
        pytest.param(
            "owner",
            "{} belongs to user 12345, not to 0",
            marks=pytest.mark.skipif(not ROOT, reason="gives a folder away"),
        ),
        ("file", "{} is no folder"),
    ],
)
def test_a_cache_of_others_is_left_alone(folder, caplog, how, message, inner):
    path = folder / "things" if inner else folder
    path.mkdir(parents=True, mode=0o700)
    spoilt(path, how)
    assert sections("things") == []
    with caplog.at_level(logging.WARNING):
        other = section("things")
        assert section("things") == other
    assert folder not in other.parents
    assert stat.S_IMODE(other.parent.stat().st_mode) == 0o700
    assert [record.getMessage() for record in caplog.records] == [
        "working without a cache: " + message.replace("{}", str(path))
    ]


def test_a_full_disk(folder, monkeypatch):
    with pytest.raises(CacheError, match=r"has less than \d+ MiB free"):
        own_section("things", room=1 << 60)
    assert folder not in section("things", room=1 << 60).parents


def test_a_disk_that_runs_no_programs(folder, monkeypatch):
    section("things")
    real = os.statvfs

    def statvfs(path):
        found = list(real(path))
        found[8] |= os.ST_NOEXEC if str(path).startswith(str(folder)) else 0
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "statvfs", statvfs)
    assert sections("things") == [folder / "things"]
    assert folder / "things" not in sections("things", programs=True)
    assert folder not in section("things", programs=True).parents


def test_nowhere_to_write(folder, monkeypatch):
    folder.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CacheError, match="no folder to build in"):
        section("things")


ENDS = """
import os, signal
from bitlight.files.cache import section
print(section("things"), flush=True)
if os.fork() == 0:
    raise SystemExit
os.wait()
assert section("things").is_dir()
{}
"""


@pytest.mark.parametrize("killed", [False, True])
def test_a_temporary_cache_goes_with_its_process_or_at_the_next_start(tmp_path, killed):
    (tmp_path / "file").touch()
    environment = os.environ | {"BITLIGHT_CACHE": str(tmp_path / "file"), "TMPDIR": str(tmp_path)}
    program = ENDS.format("os.kill(os.getpid(), signal.SIGKILL)" if killed else "")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (-signal.SIGKILL if killed else 0), done.stderr
    assert "working without a cache" in done.stderr
    left = Path(done.stdout.split("\n")[0]).parent
    assert left.parent == tmp_path
    assert left.exists() == killed
    if killed:
        scratch.sweep(tmp_path, scratch.CACHE)
        assert not left.exists()


def test_a_folder_in_use_is_not_swept(tmp_path):
    with scratch.folder_in(tmp_path) as path:
        scratch.sweep(tmp_path, scratch.PREFIX)
        assert path.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_maker_has_no_lock_yet_is_left_for_a_while(tmp_path):
    left = tmp_path / f"{scratch.PREFIX}{scratch.NEW}x"
    left.mkdir()
    scratch.sweep(tmp_path, scratch.PREFIX)
    assert left.exists()
    long_ago = time.time() - scratch.YOUNG_S - 1
    os.utime(left, (long_ago, long_ago))
    scratch.sweep(tmp_path, scratch.PREFIX)
    assert not left.exists()
