"""Where results are kept, and how they are named."""

from bitlight.cache import cache_folder, digest


def test_the_environment_says_where(monkeypatch, tmp_path):
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("BITLIGHT_CACHE")
    assert cache_folder().name == "bitlight"


def test_other_content_has_another_name():
    assert digest("a", "b") == digest("a", "b")
    assert len({digest("a", "b"), digest("ab"), digest("b", "a"), digest("a", "b", "")}) == 4
