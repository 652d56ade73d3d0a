"""The command line: `bitlight COMMAND`; each command prints a table, and JSON where asked."""

from bitlight.cli.main import main

__all__ = ["main"]
