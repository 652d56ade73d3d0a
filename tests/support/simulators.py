"""Simulators that a machine may lack."""

import shutil

import pytest

icarus = pytest.mark.skipif(
    shutil.which("iverilog") is None, reason="Icarus is missing: apt-get install iverilog"
)
