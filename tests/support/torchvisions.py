"""torchvision, or the tests that need it are skipped."""

import pytest

from bitlight import DataError
from bitlight_lab.papers.backbones import import_torchvision


def torchvision_or_skip():
    try:
        return import_torchvision()
    except DataError as error:
        pytest.skip(str(error))
