"""What the laboratory needs beside itself, for `bitlight doctor`."""

from collections.abc import Iterator

from bitlight import DataError, data
from bitlight.cli.findings import Finding, look, packages

LAB = "demonstration and pictures"


def checks() -> Iterator[Finding]:
    """Data sets that install, and what draws."""
    absent = (DataError, ImportError)
    fashion = "apt-get install dataset-fashion-mnist"
    lab = "pip install 'bitlight[lab]'"
    yield look(LAB, "Fashion-MNIST", _fashion, fashion, absent=absent)
    yield look(LAB, "animal silhouettes", _animals, lab, absent=absent)
    yield from packages(LAB, ["matplotlib", "jinja2"], lab)


def _fashion() -> str:
    return f"{len(data.fashion_mnist('test')[0]):,} test images"


def _animals() -> str:
    return f"{len(data.animals()[0]):,} images"
