"""Whether this process is a forked child, whose parent's threads are not there any more."""

import os

_state = {"forked": False}


def is_forked() -> bool:
    """Whether this process was forked, without a new program, since `bitlight` was imported.

    The threads of OpenMP do not survive a fork: compiled loops that would use them end the child,
    or wait for ever. In such a process they must run on one thread.
    """
    return _state["forked"]


def _note() -> None:
    _state["forked"] = True


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork either
    os.register_at_fork(after_in_child=_note)
