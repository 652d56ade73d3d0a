"""Compiled programs: none runs that was changed, each damage heals, and tools are told apart."""

import asyncio
import hashlib
import os
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from bitlight import BitlightError, Linear, Network, SimulationError
from bitlight.cluster import simulators
from bitlight.files import cache
from bitlight.files.programs import content, is_intact, key_of
from bitlight_hw import Accelerator
from bitlight_sim import Simulator, programs, toolchain

KEY = "c" * 64
SCRIPT = "#!/bin/sh\necho right\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(cache.section("wasm")))  # Yosys, compiled
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path / "cache"))
    cache._temporary.cache_clear()
    return tmp_path / "cache" / "simulators"


def compile(work):
    program = work.folder / "compiled"
    program.write_text((work.folder / "source").read_text())
    program.chmod(0o755)
    return program


def made(key=KEY):
    return programs.make(key, {"source": SCRIPT}, compile)


def accelerator(weight=1):
    net = Network((9,), 3, [Linear(np.full((4, 9), weight, bool), None)])
    return Accelerator(net, [(2, 3)])


def said(program):
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


def test_a_program_is_compiled_once(folder):
    program, found = made()
    assert not found
    assert made() == (program, True)
    assert said(program) == "right\n"
    assert [path.name for path in folder.iterdir()] == [KEY]


def test_what_tools_leave_goes_with_their_work(folder, tmp_path):
    def compile_and_leave(work):
        work.call(["sh", "-c", 'echo g++ was killed > "$TMPDIR/cc1.s"'], os.environ)
        (left,) = work.folder.glob("cc1.s")
        assert left.read_text() == "g++ was killed\n"
        return compile(work)

    programs.make(KEY, {"source": SCRIPT}, compile_and_leave)
    assert not list(tmp_path.rglob("cc1.s"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda program: program.write_text("#!/bin/sh\necho planted\n"),
        lambda program: program.write_bytes(b""),
        lambda program: program.write_bytes(program.read_bytes()[:9]),
        lambda program: program.chmod(0o644),
        lambda program: program.unlink(),
        lambda program: (program.parent / "content").unlink(),
        lambda program: (program.unlink(), program.symlink_to("/bin/true")),
    ],
)
def test_a_changed_program_is_compiled_again(damage):
    program, _ = made()
    damage(program)
    assert not is_intact(program)
    assert made() == (program, False)
    assert said(program) == "right\n"


def test_a_program_that_was_planted_is_not_run(folder):
    """As bitlight kept them before, without a digest."""
    (folder / KEY).mkdir(parents=True)
    (folder / KEY / "simulator").write_text("#!/bin/sh\necho planted\n")
    (folder / KEY / "simulator").chmod(0o755)
    program, found = made()
    assert not found
    assert said(program) == "right\n"


def test_a_simulator_that_is_changed_between_runs(monkeypatch):
    """It is compiled again: here by what refuses to."""
    acc = accelerator()
    program, _ = made(key_of(programs.identity(acc, "sliced"), SCRIPT))
    sim = Simulator(acc, engine="sliced", program=program)
    assert sim.build() == program
    program.write_text("#!/bin/sh\necho planted\n")
    monkeypatch.setenv("CXX", "no-compiler")
    with pytest.raises(SimulationError, match="no-compiler is not installed"):
        sim.run(np.zeros((1, 9), np.uint8))


def test_what_is_no_kept_program_is_refused(tmp_path):
    """Rather than compiled anew without a word."""
    lone = tmp_path / "lone"
    lone.write_text(SCRIPT)
    lone.chmod(0o755)
    program, _ = made(key_of(programs.identity(accelerator(), "sliced"), SCRIPT))
    for path, what in (
        (tmp_path / "nothing", "does not exist"),
        (str(tmp_path / "nothing"), "does not exist"),
        (program.parent / "other", "does not exist"),
        (tmp_path, "is no file"),
        (lone, "is not in the cache as it was compiled"),
        (program.parent / "content", "is not in the cache as it was compiled"),
    ):
        message = f"the program {path} {what}.*; it must be the path that Simulator.*build"
        with pytest.raises(SimulationError, match=message):
            Simulator(accelerator(), engine="sliced", program=path)
    assert Simulator(accelerator(), engine="sliced", program=program).build() == program
    assert Simulator(accelerator(), engine="sliced", program=str(program)).build() == program
    program.write_text("#!/bin/sh\necho planted\n")
    with pytest.raises(SimulationError, match="it was never kept there, or changed"):
        Simulator(accelerator(), engine="sliced", program=program)


def test_a_program_of_another_network_is_refused():
    """It would give that network's features without a word."""
    program = Simulator(accelerator(), engine="sliced").build()
    message = "was compiled for another network, folding or engine"
    with pytest.raises(SimulationError, match=message):
        Simulator(accelerator(0), engine="sliced", program=program)
    with pytest.raises(SimulationError, match=message):
        Simulator(Accelerator(accelerator().net, [(1, 3)]), engine="sliced", program=program)
    with pytest.raises(SimulationError, match=message):
        Simulator(accelerator(), engine="verilator", program=program)
    images = np.random.default_rng(0).integers(0, 8, (5, 9)).astype(np.uint8)
    out = Simulator(accelerator(), engine="sliced", program=program).run(images)
    assert np.array_equal(out.features, accelerator().net.forward(images))


def test_an_engine_does_without_a_program_that_is_gone(tmp_path):
    from bitlight_sim.engine import rtl

    net = accelerator().net
    images = np.random.default_rng(0).integers(0, 8, (5, 9)).astype(np.uint8)
    with rtl(net, folding=((2, 3),), programs={"sliced": tmp_path / "gone"}) as compute:
        assert np.array_equal(compute(images), net.forward(images))


def test_a_build_leaves_nothing_open():
    def count():
        return len(os.listdir("/proc/self/fd"))

    before = count()
    program, _ = made()
    for number in range(5):
        (program.parent / f"verilated{number}.o").touch()
    programs.keep_parts("d" * 64, program.parent, "verilated*.o")
    programs.parts("d" * 64, program.parent.parent)
    made()
    assert count() == before


def test_a_tool_that_fails_leaves_its_log_alone(folder):
    def fails(work):
        work.call(["sh", "-c", "echo why; exit 3"], os.environ)

    with pytest.raises(SimulationError, match="sh failed with 3; see ") as caught:
        programs.make(KEY, {}, fails)
    log = str(caught.value).rpartition("see ")[2]
    assert [str(path) for path in folder.iterdir()] == [log]
    with open(log) as file:
        assert file.read() == "why\n"


def test_without_a_cache(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path / "file"))
    program, _ = made()
    assert said(program) == "right\n"
    assert made() == (program, True)
    assert tmp_path / "file" not in program.parents
    assert (tmp_path / "file").read_bytes() == b""


class Scheduler:
    """What workers ask for content."""

    def __init__(self, content):
        self.content = content
        self.asked = 0

    async def get_metadata(self, keys, default):
        self.asked += 1
        return self.content


def unpacked(scheduler, key=KEY):
    digest = hashlib.sha256(SCRIPT.encode()).hexdigest()
    shipment = simulators.Shipment(simulators.machine(), {"sliced": (key, digest)})
    return asyncio.run(shipment.unpacked(scheduler))


def test_a_shipped_simulator_is_kept():
    scheduler = Scheduler(SCRIPT.encode())
    for _ in range(2):
        assert said(unpacked(scheduler)["sliced"]) == "right\n"
    assert scheduler.asked == 1


def test_another_content_than_was_sent_is_not_run(folder):
    assert unpacked(Scheduler(b"#!/bin/sh\necho planted\n")) == {}
    assert not folder.exists()


def test_a_changed_simulator_is_fetched_again():
    scheduler = Scheduler(SCRIPT.encode())
    path = unpacked(scheduler)["sliced"]
    path.write_text("#!/bin/sh\necho planted\n")
    assert said(unpacked(scheduler)["sliced"]) == "right\n"
    assert scheduler.asked == 2


def test_a_key_stays_in_the_cache(tmp_path):
    with pytest.raises(BitlightError, match="64 hexadecimal digits"):
        unpacked(Scheduler(SCRIPT.encode()), "../../escaped")
    assert not list(tmp_path.rglob("escaped"))


def test_what_is_sent_was_checked():
    program, _ = made()
    assert content(program) == (
        SCRIPT.encode(),
        hashlib.sha256(SCRIPT.encode()).hexdigest(),
    )
    program.write_bytes(b"planted")
    client = SimpleNamespace(set_metadata=lambda keys, value: None)
    with (
        pytest.raises(SimulationError, match="was changed since it was compiled"),
        simulators.ship(client, {"sliced": program}),
    ):
        pass


def fake_tool(path, version):
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)


def test_other_versions_of_tools_are_other_keys(tmp_path, monkeypatch):
    tool = tmp_path / "my compiler"
    found = set()
    monkeypatch.setenv("CXX", f"'{tool}' -x")
    for version in ("12.1", "12.2"):
        fake_tool(tool, version)
        toolchain._said.cache_clear()
        found.add(toolchain.identity())
    assert len(found) == 2
    found = set()
    for version in ("5.038", "5.048"):
        fake_tool(tool, f"Verilator {version}")
        monkeypatch.setattr(toolchain, "verilator", lambda: (str(tool), {}))
        toolchain._said.cache_clear()
        found.add(toolchain.verilator_identity())
    assert found == {"Verilator 5.038\n", "Verilator 5.048\n"}


def test_a_compiler_of_several_words(monkeypatch):
    monkeypatch.setenv("CXX", "env g++")
    first, *rest = toolchain.compiler()
    assert first.endswith("/env")
    assert rest == ["g++"]
    assert "GCC" in toolchain.identity() or "g++" in toolchain.identity()
    monkeypatch.setenv("CXX", "'g++")
    with pytest.raises(SimulationError, match="CXX is no command"):
        toolchain.compiler()
    monkeypatch.setenv("CXX", "")
    assert toolchain.compiler()[0].endswith("g++")


def test_modules_in_the_working_folder_are_not_loaded(tmp_path, monkeypatch):
    """Yosys runs under a Python of its own, which once took its random.py from here."""
    monkeypatch.chdir(tmp_path)
    for name in ("random", "subprocess", "wasmtime"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    from bitlight_hw.verilog import run_yosys

    assert "module" in run_yosys("module \\top\nend\n", "write_verilog\n")


def test_make_gets_a_folder_without_spaces(tmp_path, monkeypatch):
    def compile_in(work):
        with programs.plain(work) as plain:
            assert " " not in str(plain.folder)
            assert (plain.folder / "source").read_text() == SCRIPT
            with pytest.raises(SimulationError, match="sh failed with 1; see ") as caught:
                plain.call(["sh", "-c", "exit 1"], os.environ)
            assert str(tmp_path / "a b" / "simulators") in str(caught.value)
        assert plain.folder.exists() == (plain is work)
        return compile(work)

    monkeypatch.setenv("BITLIGHT_CACHE", str(tmp_path / "a b"))
    program, _ = programs.make(KEY, {"source": SCRIPT}, compile_in)
    assert said(program) == "right\n"
