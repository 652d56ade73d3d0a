"""Where work that takes long is kept between runs, under names made from its content."""

import hashlib
import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Where compiled and synthesised designs are kept: $BITLIGHT_CACHE, or the user's cache."""
    given = os.environ.get("BITLIGHT_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("bitlight")


def digest(*parts: str) -> str:
    """A name for content: the same for the same parts, and for no others."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
