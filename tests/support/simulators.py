"""Simulators that a machine may lack."""

import shutil

import pytest

icarus = pytest.mark.skipif(
    shutil.which("iverilog") is None, reason="Icarus is missing: apt-get install iverilog"
)

# QEMU's user mode runs one program of another processor.
aarch64 = pytest.mark.skipif(
    None in map(shutil.which, ("aarch64-linux-gnu-g++", "qemu-aarch64")),
    reason="AArch64 is missing: apt-get install g++-aarch64-linux-gnu qemu-user",
)
