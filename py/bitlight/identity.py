"""Identities of networks and features: a SHA-256, as 64 hexadecimal digits."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

_ID = re.compile(r"[0-9a-f]{64}")


def check_id(value: Any, what: str) -> str:
    """Return an identity that comes from a file or a caller, once it is known to be one.

    Raises
    ------
    ValueError
        If it is anything but 64 hexadecimal digits in small letters: such a text goes into file
        names, generated code and messages, and must hold nothing else.

    Examples
    --------
    >>> check_id("ab" * 32, "the network's id") == "ab" * 32
    True
    >>> check_id("*/ main() /*", "the network's id")
    Traceback (most recent call last):
      ...
    ValueError: the network's id must be 64 hexadecimal digits, not '*/ main() /*'
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError(f"{what} must be 64 hexadecimal digits, not {value!r:.80}")
    return value


def features_id(network: str, projection: Mapping[str, Any] | None) -> str:
    """What tells features apart: the network's id, or a digest of it and of the optics."""
    if projection is None:
        return network
    text = network + json.dumps(projection, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
