"""The command line as a user meets it."""

import os
import signal
import sys

# Several processes test at once: threads of torch that wait in a loop would take the processors
# from each other, which made the heads' tests take four times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest

from bitlight.cli import main

# A shell has what it starts in the background ignore Ctrl-C, nohup SIGHUP, and so would all that
# tests start.
for number, handler in [
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
]:
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `bitlight …`; gives (exit code, output, errors)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bitlight", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
