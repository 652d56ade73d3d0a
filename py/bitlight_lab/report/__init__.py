"""A network and its accelerator on one page: drawn, measured, compared, in a single HTML file."""

from bitlight_lab.report.classes import Classes
from bitlight_lab.report.report import Report, report

__all__ = ["Classes", "Report", "report"]
