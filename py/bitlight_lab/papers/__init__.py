"""The papers' experiments rerun: what `bitlight reproduce` does; see docs/reproduction.md."""

from bitlight_lab.papers.journal import Cell, Found, Journal

__all__ = ["Cell", "Found", "Journal"]
