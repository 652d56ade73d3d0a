"""The command line as a user meets it."""

import sys

import pytest

from bitlight.cli import main


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
