"""A cocotb bench on a Verilog text, on Verilator or Icarus; the first failure becomes an error."""

import ast
import contextlib
import hashlib
import importlib.util
import os
import platform
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from bitlight import SimulationError
from bitlight.files import scratch
from bitlight_hw.units.rules import BROKEN
from bitlight_sim import toolchain
from bitlight_sim.native.build import copy_runtime, keep_runtime, runtime_key

SimulatorName = Literal["icarus", "verilator"]

# What a shell or a surrounding pytest may have set for benches of its own: it would choose among
# our tests, seed them, or load other code into the simulator.
INHERITED = re.compile(
    r"(COCOTB|GPI|PYGPI|TOPLEVEL|VERILATOR_ARGS|PYTEST)_.*|TOPLEVEL|TESTCASE|MODULE|RANDOM_SEED|WAVES"
    r"|LIBPYTHON_LOC|PYTHON(STARTUP|HOME|INSPECT|OPTIMIZE|WARNINGS|BREAKPOINT)"
)
# Without them every signal is public, which made a bench three times slower.
VERILATOR = ["--no-public-flat-rw", "--public-depth", "1", "-Wno-fatal"]


def run_bench(
    verilog: str,
    top: str,
    bench: str,
    simulator: SimulatorName,
    folder: Path,
    settings: Mapping[str, str],
    *,
    testcase: str | Sequence[str] | None = None,
    waves: bool = False,
    public: str | None = None,
) -> Path | None:
    """Build, run and check.

    Parameters
    ----------
    verilog : str
    top : str, its module
    bench : str, the Python module with the cocotb tests
    simulator : "icarus" or "verilator"
    folder : Path, absolute, that exists; for what is built and written
    settings : environment variables for the bench
    testcase : str or list of str, optional
        Tests of the bench, each of which has to run; all by default.
    waves : bool
    public : str, optional
        Which variables the bench may reach in Verilator, in the words of its configuration files.

    Returns
    -------
    path of the waveform, if one was asked for

    Raises
    ------
    SimulationError
        If a tool is missing, a test failed or did not run, or a stream rule was broken; the
        message says which.
    """
    tests = list_tests(bench) if testcase is None else testcase
    tests = [tests] if isinstance(tests, str) else list(tests)
    # A folder for each content, so that nothing built before can be mistaken for this design.
    content = hashlib.sha256(f"{simulator}{waves}{public}{verilog}".encode()).hexdigest()[:12]
    build = folder / f"{simulator}-{content}"
    build.mkdir(exist_ok=True)
    (build / f"{top}.sv").write_text(verilog, encoding="utf-8")
    if public and simulator == "verilator":
        (build / "public.vlt").write_text(f"`verilator_config\n{public}\n", encoding="utf-8")
    (build / "test.log").unlink(missing_ok=True)
    with _environment(simulator):
        try:
            results = _run(top, bench, simulator, build, settings, tests, waves)
        finally:  # Verilator ends there without results; Icarus goes on
            _check_rules(build / "test.log")
    _check(results, tests)
    wave = build / (f"{top}.fst" if simulator == "icarus" else "dump.vcd")
    return wave if waves else None


def _run(
    top: str,
    bench: str,
    simulator: str,
    build: Path,
    settings: Mapping[str, str],
    testcase: Sequence[str],
    waves: bool,
) -> Path:
    try:
        from cocotb_tools.runner import get_runner
    except ImportError as error:
        raise SimulationError(
            f"{error.name} is not installed; try: pip install 'bitlight[sim]'"
        ) from error

    runner = get_runner(simulator)
    timescale = ("1ns", "1ps")
    versions = [metadata.version("cocotb"), platform.python_version(), toolchain.identity()]
    if simulator == "verilator":
        versions.append(toolchain.verilator_identity())
    runtime = runtime_key("cocotb", str(waves), *versions)
    try:
        if simulator == "verilator":
            copy_runtime(runtime, build)
        runner.build(
            sources=[build / f"{top}.sv"],
            hdl_toplevel=top,
            build_dir=build,
            build_args=[*VERILATOR, *map(str, build.glob("*.vlt"))]
            if simulator == "verilator"
            else [],
            timescale=timescale,
            waves=waves,
            log_file=build / "build.log",
        )
        if simulator == "verilator":
            keep_runtime(runtime, build)
        return runner.test(
            test_module=bench,
            hdl_toplevel=top,
            hdl_toplevel_lang="verilog",
            build_dir=build,
            test_dir=build,
            testcase=testcase,
            extra_env=settings,
            timescale=timescale,
            waves=waves,
            log_file=build / "test.log",
        )
    except (RuntimeError, SystemExit, OSError) as error:
        raise SimulationError(f"{simulator} failed; see the logs in {build}: {error}") from error


def broken_rule(output: str) -> str | None:
    """What a simulator's output says of the first stream rule that was broken."""
    found = (line[line.index(BROKEN) :] for line in output.splitlines() if BROKEN in line)
    return next(found, None)


def _check_rules(log: Path) -> None:
    found = (
        broken_rule(log.read_text(encoding="utf-8", errors="replace")) if log.is_file() else None
    )
    if found:
        raise SimulationError(found)


def list_tests(bench: str) -> list[str]:
    """Names of the cocotb tests in a module, which is read but not imported."""
    found = importlib.util.find_spec(bench)
    if found is None or found.origin is None:
        raise SimulationError(f"no bench {bench}")
    tree = ast.parse(Path(found.origin).read_text("utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
    return [
        function.name
        for function in functions
        if any(ast.unparse(mark).startswith("cocotb.test") for mark in function.decorator_list)
    ]


def _check(results: Path, expected: Sequence[str]) -> None:
    """Raise with the first failure that the bench reported, or unless each expected test ran."""
    try:
        cases = list(ElementTree.parse(results).iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        raise SimulationError(f"no results; see the logs in {results.parent}: {error}") from error
    for case in cases:
        for kind in ("failure", "error"):
            found = case.find(kind)
            if found is not None:
                said = found.get("error_msg") or found.get("message") or found.text or kind
                raise SimulationError(f"{case.get('name')}: {said.strip().splitlines()[0]}")
    ran = {case.get("name") for case in cases if case.find("skipped") is None}
    if missing := [name for name in expected if name not in ran]:
        raise SimulationError(f"{', '.join(missing)} did not run; see the logs in {results.parent}")


@contextlib.contextmanager
def _environment(simulator: SimulatorName) -> Iterator[None]:
    """The tools' environment for the time of one run; cocotb's runner reads os.environ.

    Their temporary files are in a folder that goes with the run, or is swept after it.
    """
    before = dict(os.environ)
    if simulator == "verilator":
        _, environment = toolchain.verilator()
        os.environ.update(environment)
    else:
        toolchain.icarus()
    for name in [name for name in os.environ if INHERITED.fullmatch(name)]:
        del os.environ[name]
    try:
        with scratch.folder_in(Path(tempfile.gettempdir())) as temporary:
            os.environ["TMPDIR"] = str(temporary)
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)
