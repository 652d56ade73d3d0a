"""What a command makes of the environment that it is started in."""

import codecs
import contextlib
import os
import sys

from bitlight.files.cache import VARIABLE, CacheError, cache_folder, own_section

# Commands that load torch.
TORCH = {"train", "head", "project", "reproduce", "bench", "demo"}

# What our tables and messages have beyond ASCII, for terminals and files that have nothing else.
PLAIN = {
    "×": "x",
    "→": "->",
    "−": "-",
    "–": "-",
    "…": "...",
    "µ": "u",
    "·": "*",
    "≥": ">=",
    "≤": "<=",
    "✓": "ok",
    "²": "2",
}


def say_in_any_encoding() -> None:
    """Let stdout and stderr take any text: what their encoding lacks is written otherwise.

    Names of files that are not UTF-8 are among it.
    """
    codecs.register_error("bitlight", _spelt)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="bitlight")


def _spelt(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    text = "".join(PLAIN.get(letter) or ascii(letter)[1:-1] for letter in found)
    return text, error.end


def keep_own_files_readable() -> None:
    """Take no permission from this user's own files, which an odd umask would."""
    os.umask(os.umask(0o077) & 0o077)


def share_cache() -> None:
    """Let torch keep what it compiles in our cache, and matplotlib its fonts, if that was named.

    Torch's own place has a name in the folder of temporary files that others can take first.
    """
    folder = cache_folder()
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    if folder is not None and command in TORCH:
        with contextlib.suppress(CacheError):  # made here, since torch would let all read it
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.fspath(own_section("torch")))
    if os.environ.get(VARIABLE) and folder is not None:
        os.environ.setdefault("MPLCONFIGDIR", os.fspath(folder / "matplotlib"))
