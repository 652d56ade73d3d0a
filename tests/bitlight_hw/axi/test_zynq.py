"""What is made for a Zynq: the wrapper, the script in Tcl, and the driver on the RTL itself."""

import re
import subprocess
import sys
import tkinter
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from amaranth.sim import Simulator

from bitlight import Linear, Network, SynthesisError
from bitlight_hw import Accelerator
from bitlight_hw.axi import AxiAccelerator
from bitlight_hw.axi.zynq import BOARDS, project, write_project
from bitlight_sim.toolchain import verilator


def network(bits=1, scores=False):
    rng = np.random.default_rng(8)
    threshold = None if scores else rng.integers(-9, 9, 10)
    return Network((4, 3, 1), bits, [Linear(rng.random((10, 12)) < 0.5, threshold)])


def wrapped(net, data_bits=32):
    return AxiAccelerator(Accelerator(net, [(5, 4)]), data_bits)


class Rtl:
    """Registers and a DMA engine as PYNQ has them, before the RTL in Amaranth's simulator."""

    def __init__(self, acc):
        self.acc, self.ctx = acc, None
        self.recvchannel, self.sendchannel = Channel(self), Channel(self)
        self.result = None

    def simulate(self, work):
        async def bench(ctx):
            self.ctx = ctx
            self.result = await self.ready(work)

        simulator = Simulator(self.acc)
        simulator.add_clock(1e-8)
        simulator.add_testbench(bench)
        simulator.run()
        return self.result

    async def ready(self, work):
        """What `work` gives, a function without awaits: it is called again with more to read."""
        self.answers = []
        while True:
            self.position = 0
            for channel in (self.recvchannel, self.sendchannel):
                channel.started = None
            try:
                return work()
            except Pending as pending:
                self.answers.append(await pending.action(self.ctx))

    def ask(self, action):
        """What an action of before gave, or else: end, do it, and begin again."""
        if self.position == len(self.answers):
            raise Pending(action)
        self.position += 1
        return self.answers[self.position - 1]

    def read(self, offset):
        async def action(ctx):
            return await self._lite(ctx, "ar", "r", {"araddr": offset}, "rdata", "rresp")

        return self.ask(action)

    def write(self, offset, value):
        async def action(ctx):
            ctx.set(self.acc.s_axil_wdata, value)
            ctx.set(self.acc.s_axil_wstrb, 15)
            ctx.set(self.acc.s_axil_wvalid, 1)
            return await self._lite(ctx, "aw", "b", {"awaddr": offset}, "bresp", "bresp")

        self.ask(action)

    async def _lite(self, ctx, request, answer, values, wanted, response):
        acc = self.acc
        for name, value in values.items():
            ctx.set(getattr(acc, f"s_axil_{name}"), value)
        ctx.set(getattr(acc, f"s_axil_{request}valid"), 1)
        ctx.set(getattr(acc, f"s_axil_{answer}ready"), 1)
        for _ in range(50):
            if ctx.get(getattr(acc, f"s_axil_{answer}valid")):
                break
            taken = ctx.get(getattr(acc, f"s_axil_{request}ready"))
            data = ctx.get(acc.s_axil_wready)
            await ctx.tick()
            if taken:
                ctx.set(getattr(acc, f"s_axil_{request}valid"), 0)
            if data:
                ctx.set(acc.s_axil_wvalid, 0)
        assert ctx.get(getattr(acc, f"s_axil_{response}")) == 0, "SLVERR"
        found = ctx.get(getattr(acc, f"s_axil_{wanted}"))
        await ctx.tick()
        ctx.set(getattr(acc, f"s_axil_{answer}ready"), 0)
        await ctx.tick()
        return found

    def exchange(self):
        """Both transfers that were started, on the streams."""
        sent, (room, wanted) = self.sendchannel.started, self.recvchannel.started

        async def action(ctx):
            acc, word, given = self.acc, self.acc.data_bits // 8, bytearray()
            data = bytes(sent[0].reshape(-1)[: sent[1]])
            words = [data[at : at + word] for at in range(0, len(data), word)]
            ctx.set(acc.m_axis_tready, 1)
            ended = False
            for _ in range(4000):
                if words:
                    ctx.set(acc.s_axis_tdata, int.from_bytes(words[0], "little"))
                    ctx.set(acc.s_axis_tkeep, (1 << len(words[0])) - 1)
                    ctx.set(acc.s_axis_tlast, len(words) == 1)
                ctx.set(acc.s_axis_tvalid, bool(words))
                if words and ctx.get(acc.s_axis_tready):
                    words.pop(0)
                if ctx.get(acc.m_axis_tvalid):
                    keep = ctx.get(acc.m_axis_tkeep).bit_count()
                    given += ctx.get(acc.m_axis_tdata).to_bytes(word, "little")[:keep]
                    ended = ctx.get(acc.m_axis_tlast)
                await ctx.tick()
                if ended:
                    break
            assert ended, "no result"
            assert len(given) == wanted, "a DMA engine would wait, or complain"
            return bytes(given)

        room.reshape(-1)[:wanted] = np.frombuffer(self.ask(action), np.uint8)


class Pending(Exception):
    def __init__(self, action):
        super().__init__()
        self.action = action


class Channel:
    def __init__(self, rtl):
        self.rtl, self.started = rtl, None

    def transfer(self, array, start, nbytes):
        assert start == 0
        self.started = array, nbytes

    def wait(self):
        if self is self.rtl.recvchannel:
            self.rtl.exchange()


def load(acc):
    """The driver as it is written for this network."""
    names = {"__name__": "bitlight_driver"}
    exec(project.driver(acc), names)  # the very text that is generated
    return names["Accelerator"]


@pytest.mark.parametrize(
    ("bits", "scores", "width"), [(1, False, 32), (3, False, 8), (1, True, 64), (8, True, 32)]
)
def test_the_driver_gives_what_the_golden_model_gives(bits, scores, width):
    net = network(bits, scores)
    acc = wrapped(net, width)
    images = np.random.default_rng(1).integers(0, 1 << bits, (7, 4, 3, 1)).astype(np.uint8)
    rtl, driver = Rtl(acc), load(acc)
    found = rtl.simulate(lambda: driver.on(rtl, rtl, np.zeros, batch=3).run(images))
    assert found.dtype == net.forward(images).dtype
    assert np.array_equal(found, net.forward(images))


@pytest.mark.parametrize(("bits", "scores"), [(1, False), (8, True)])
def test_the_driver_on_the_page_runs(bits, scores, monkeypatch):
    """The Python of docs/axi.md, with the RTL in the place of what PYNQ has loaded."""
    net = network(bits, scores)
    acc = wrapped(net, 32)
    images = np.random.default_rng(1).integers(0, 1 << bits, (3, 4, 3, 1)).astype(np.uint8)
    page = Path(__file__).parents[3] / "docs/axi.md"
    (code,) = (
        block
        for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.M)
        if "from pynq import" in block
    )
    rtl = Rtl(acc)
    overlay = SimpleNamespace(axi_dma_0=rtl, ip_dict={"bitlight_axi_0": {"phys_addr": 0}})
    pynq = ModuleType("pynq")
    pynq.Overlay, pynq.MMIO, pynq.allocate = lambda name: overlay, lambda at, size: rtl, np.zeros
    monkeypatch.setitem(sys.modules, "pynq", pynq)

    def run():
        names = {"net": net}
        exec(code, names)
        found = names["features"](images)
        names["recover"]()
        return found

    assert np.array_equal(rtl.simulate(run), net.forward(images))


def test_another_network_and_wrong_images_are_refused():
    acc = wrapped(network(3))
    rtl, driver = Rtl(acc), load(wrapped(network(2)))
    with pytest.raises(RuntimeError, match="is loaded, this driver is for"):
        rtl.simulate(lambda: driver.on(rtl, rtl, np.zeros))
    rtl, driver = Rtl(acc), load(acc)
    for wrong, message in (
        (np.zeros((2, 3, 4, 1), np.uint8), r"of shape \(N, 4, 3, 1\), not uint8 of"),
        (np.full((2, 4, 3, 1), 8, np.uint8), "has 3 bits, 8 is more"),
    ):
        with pytest.raises(ValueError, match=message):
            rtl.simulate(lambda wrong=wrong: driver.on(rtl, rtl, np.zeros).run(wrong))


def test_the_wrapper_is_verilog_around_the_accelerator(tmp_path):
    write_project(wrapped(network()), "pynq-z2", tmp_path)
    path, environment = verilator()
    files = ["bitlight_zynq.v", "bitlight_axi.v"]
    quiet = ["-Wno-PINMISSING", "-Wno-DECLFILENAME"]  # tuser, which a DMA engine has no port for
    command = [path, "--lint-only", "-Wall", *quiet, "--top-module", "bitlight_zynq", *files]
    options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(command, check=False, **options)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", BOARDS)
def test_the_script_is_tcl_and_names_what_is_there(name, tmp_path):
    """Every command of Vivado is written down; Tcl's own are run."""
    script = write_project(wrapped(network(), 64), name, tmp_path)
    tcl, called = tkinter.Tcl(), []

    def unknown(*words):
        called.append(words)
        return "0.5" if words[0] == "get_property" else words[0]

    tcl.createcommand("unknown", unknown)
    tcl.eval("proc glob {args} {list made.hwh}; rename file real; proc file {args} {}")
    tcl.eval(script.read_text())
    commands = [words[0] for words in called]
    assert called[0][:4] == ("create_project", "-force", "bitlight", "vivado")
    assert BOARDS[name].part in called[0]
    sources = next(words for words in called if words[0] == "add_files")[1].split()
    assert all((tmp_path / source).is_file() for source in sources)
    assert (
        "create_bd_cell",
        "-type",
        "module",
        "-reference",
        "bitlight_zynq",
        "bitlight",
    ) in called
    widths = next(words for words in called if "c_m_axis_mm2s_tdata_width 64" in " ".join(words))
    assert "CONFIG.c_s_axis_s2mm_tdata_width 64" in " ".join(widths)
    assert commands.count("apply_bd_automation") == 5
    assert commands.index("validate_bd_design") < commands.index("launch_runs")


def test_a_width_that_no_engine_has_is_refused(tmp_path):
    with pytest.raises(SynthesisError, match="a DMA engine has streams of 8, 16, .* not 24"):
        write_project(wrapped(network(), 24), "pynq-z2", tmp_path)
