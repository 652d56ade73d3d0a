"""The accelerator with AXI4-Stream ports for frames and AXI4-Lite registers."""

from collections.abc import Callable
from typing import Any

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from bitlight_hw import family as families
from bitlight_hw.accelerator import Accelerator
from bitlight_hw.axi.framing import MARK, Framing
from bitlight_hw.axi.gate import END_BITS, Gate
from bitlight_hw.axi.lite import PORTS, AxiLite
from bitlight_hw.axi.path import SKID, Path
from bitlight_hw.axi.queue import Queue
from bitlight_hw.axi.registers import IDENTITY, REGISTERS, VERSION
from bitlight_hw.axi.sender import Sender
from bitlight_hw.units.separate import separate

# Results between the gate and the sender: two that are packed, two in front of the sender.
ENDS = 4
# Tried in turn, where no width is asked for: from what a 32-bit bus has to what AXI4 ends at.
WIDTHS = (32, 64, 128, 256, 512, 1024)


class AxiAccelerator(wiring.Component):
    """Frames of images in, frames of their features out; see `Frames` for the bytes.

    A frame is one image, or as many as register BATCH says; each begins with a word of its own.

    Frames of a wrong form give no result and are counted; those behind them are not affected. See
    `Framing` for what is wrong, `Sender` for what a soft reset does to a frame that is being given,
    and `bitlight_hw.axi.registers` for the registers. Ports are flat (`s_axis_tdata`), and none of
    them depends on another in the same cycle. `clk` is the clock of all of them, `rst` the reset,
    active high.

    Parameters
    ----------
    acc : Accelerator
    data_bits : int, optional
        Of tdata, in and out: whole bytes, 8 to 1024. By default the narrowest of 32, 64, … 1024
        that keeps the interval of the accelerator, or comes nearest to it.

    Attributes
    ----------
    data_bits : int
    frames_in, frames_out : Frames
    cycles_per_image : int
        Interval between frames that follow each other.
    latency : int
        Cycles from the first word taken to the last word given, for a frame in an idle pipeline;
        at least so many where features leave the accelerator before the last word is taken.

    Raises
    ------
    ValueError
        If `data_bits` is no such width.

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight import Linear, Network
    >>> net = Network((8,), 1, [Linear(np.ones((4, 8), bool), np.zeros(4, np.int32))])
    >>> axi = AxiAccelerator(Accelerator(net, [(1, 2)]))
    >>> axi.data_bits, "module bitlight_axi" in axi.verilog("generic")
    (32, True)
    """

    _MustUse__silence = True

    def __init__(self, acc: Accelerator, data_bits: int | None = None) -> None:
        if data_bits is not None and data_bits not in range(8, 1025, 8):
            raise ValueError(f"tdata must have 8, 16, … or 1024 bits, not {data_bits}")
        self.acc = acc
        self.path = _narrowest(acc) if data_bits is None else Path(acc, data_bits)
        self.frames_in, self.frames_out = self.path.frames_in, self.path.frames_out
        self.data_bits = data_bits = self.frames_in.data_bits
        self.cycles_per_image = self.path.interval
        self.latency = self.path.latency
        super().__init__(
            {
                "s_axis_tdata": In(data_bits),
                "s_axis_tkeep": In(data_bits // 8),
                "s_axis_tlast": In(1),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "m_axis_tdata": Out(data_bits),
                "m_axis_tkeep": Out(data_bits // 8),
                "m_axis_tlast": Out(1),
                "m_axis_tuser": Out(1),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                **PORTS,
            }
        )

    def verilog(self, target: str = "xc7") -> str:
        """Verilog text, module `bitlight_axi`; `target` as in `Accelerator.verilog`."""
        from bitlight_hw import heading
        from bitlight_hw.verilog import convert

        families.named(target)
        return convert(self, name="bitlight_axi", target=target, heading=heading.bus(self, target))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        frames_in, frames_out = self.frames_in, self.frames_out
        lite = separate(m, platform, "lite", AxiLite(REGISTERS))
        framing = Framing(self.data_bits, count=frames_in.words, tail=frames_in.tail)
        framing = separate(m, platform, "framing", framing)
        sender = Sender(self.data_bits, count=frames_out.words, tail=frames_out.tail)
        sender = separate(m, platform, "sender", sender)
        self._connect_ports(m, "s_axil_", lite, prefix="s_axil_")
        self._connect_ports(m, "s_axis_t", framing)
        self._connect_ports(m, "m_axis_t", sender)
        restart = Signal()
        m.d.comb += [
            restart.eq(lite.control[0]),
            framing.restart.eq(restart),
            framing.batch.eq(lite.batch),
            sender.restart.eq(restart),
        ]
        self._fill(m, platform, framing, sender, restart)
        self._tell(m, lite, framing, sender)
        return m

    def _connect_ports(self, m: Module, begin: str, inner: Any, prefix: str = "") -> None:
        """Connect the ports whose names begin so to those of a component."""
        for name, member in self.signature.members.items():
            if name.startswith(begin):
                port, other = getattr(self, name), getattr(inner, prefix + name[len(begin) :])
                m.d.comb += other.eq(port) if member.flow == In else port.eq(other)

    def _fill(
        self, m: Module, platform: Any, framing: Framing, sender: Sender, restart: Signal
    ) -> None:
        """What lies between framing and sender, all of which a soft reset empties."""
        path, acc = self.path, self.acc

        def part(name: str, component: Any) -> Any:
            return separate(m, platform, name, component, restart)

        words = part("words", Queue(len(path.unpack.i.payload), SKID))
        # As many as the path can hold, so that it is never held up for a mark.
        marks = part("marks", Queue(MARK.size, path.most_images))
        unpack = part("unpack", path.unpack)
        accelerator = part("accelerator", acc)
        gate = part("gate", Gate(acc.beats_out.width, count=acc.beats_out.count))
        pack = part("pack", path.pack)
        results = part("results", Queue(self.data_bits, SKID))
        ends = part("ends", Queue(END_BITS, ENDS))
        _join(m, framing.marks, marks.i)
        _join(m, marks.o, gate.marks)
        _join(m, gate.ends, ends.i)
        _join(m, ends.o, sender.ends)
        _join(m, framing.words, words.i, self.frames_in.narrow)
        _join(m, words.o, unpack.i)
        _join(m, unpack.o, accelerator.i)
        if path.queue is None:
            _join(m, accelerator.o, gate.i)
        else:
            queue = part("queue", path.queue)
            _join(m, accelerator.o, queue.i)
            _join(m, queue.o, gate.i)
        _join(m, gate.o, pack.i, lambda beat: self.frames_out.widen(m, beat))
        _join(m, pack.o, results.i)
        _join(m, results.o, sender.i)

    def _tell(self, m: Module, lite: AxiLite, framing: Framing, sender: Sender) -> None:
        """Values of the registers that can only be read."""
        values: dict[str, Any] = {
            "identity": IDENTITY,
            "version": VERSION,
            "status": Cat(framing.inside, sender.inside),
            "bytes_in": self.frames_in.bytes,
            "bytes_out": self.frames_out.bytes,
            "bits_in": self.frames_in.bits,
            "bits_out": self.frames_out.bits,
            "interval": self.cycles_per_image,
            "latency": self.latency,
            "bytes_word": self.data_bits // 8,
        }
        for index in range(8):
            values[f"network{index}"] = int(self.acc.net.id[8 * index : 8 * index + 8], 16)
        marked = framing.marks.valid & framing.marks.ready
        mark = framing.marks.payload
        events = {
            "frames_in": marked & mark.good & mark.end,
            "frames_out": sender.valid & sender.ready & sender.last & ~sender.user,
            "framing_errors": marked & ~mark.good,
        }
        for name, event in events.items():
            values[name] = count = Signal(32, name=name)
            with m.If(lite.control[1]):
                m.d.sync += count.eq(0)
            with m.Elif(event):
                m.d.sync += count.eq(count + 1)
        m.d.comb += [getattr(lite, name).eq(value) for name, value in values.items()]


def _narrowest(acc: Accelerator) -> Path:
    """The narrowest path with the interval of the accelerator, or else the shortest."""
    paths = []
    for width in WIDTHS:
        paths.append(Path(acc, width))
        if paths[-1].interval == acc.cycles_per_image:
            return paths[-1]
    return min(paths, key=lambda path: path.interval)


def _join(
    m: Module, giver: Any, taker: Any, form: Callable[[Value], Value] = lambda payload: payload
) -> None:
    m.d.comb += [
        taker.payload.eq(form(giver.payload)),
        taker.valid.eq(giver.valid),
        giver.ready.eq(taker.ready),
    ]
