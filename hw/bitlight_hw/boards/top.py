"""The design of a board down to its pins: clk, rx and tx."""

from typing import Any

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from bitlight import BitlightError
from bitlight_hw.accelerator import Accelerator
from bitlight_hw.boards import pll
from bitlight_hw.boards.board import Board
from bitlight_hw.link.design import LinkedAccelerator
from bitlight_hw.link.uart import BITS, UartReceiver, UartSender
from bitlight_hw.units.separate import separate

TOP = "bitlight_board"
# Of a serial line, between what the clock divides to and what was asked for: with the same again
# from the host's side, the last bit is still sampled in its middle half.
MOST_BAUD_ERROR = 0.02
# Cycles of reset after the clock is stable: block RAM of an iCE40 reads zeros until then.
RESET_BITS = 8


class SerialAccelerator(wiring.Component):
    """tx = the answers to the frames on rx.

    Parameters
    ----------
    acc : Accelerator
    board : bitlight_hw.boards.Board
    clock_hz : int, optional
        By default what the board says.

    Attributes
    ----------
    linked : LinkedAccelerator
    divisor : int
        Clock cycles of a bit.

    Raises
    ------
    BitlightError
        If no divisor comes close enough to the baud rate, or a frame is too small for an image.
    """

    _MustUse__silence = True

    def __init__(self, acc: Accelerator, board: Board, clock_hz: int | None = None) -> None:
        self.acc = acc
        self.board = board
        self.clock_hz = clock_hz or board.clock_hz
        self.divisor = bit_cycles(board, self.clock_hz)
        self.linked = LinkedAccelerator(acc, board.name, self.clock_hz, BITS * self.divisor)
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1)})

    @property
    def images_per_s(self) -> float:
        """Predicted: what the slower of link and accelerator can do."""
        return self.clock_hz / max(self.linked.line_cycles, self.linked.interval)

    @property
    def bottleneck(self) -> str:
        """Which of them is the slower: "link" or "accelerator"."""
        return "link" if self.linked.line_cycles >= self.linked.interval else "accelerator"

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        receiver = separate(m, platform, "receiver", UartReceiver(self.divisor))
        sender = separate(m, platform, "sender", UartSender(self.divisor))
        linked = separate(m, platform, "linked", self.linked)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            linked.i.payload.eq(receiver.o.payload),
            linked.i.valid.eq(receiver.o.valid),
            receiver.o.ready.eq(linked.i.ready),
            sender.i.payload.eq(linked.o.payload),
            sender.i.valid.eq(linked.o.valid),
            linked.o.ready.eq(sender.i.ready),
            self.tx.eq(sender.tx),
        ]
        return m

    def verilog(self, target: str) -> str:
        """Module `bitlight_serial`; `target` as in `Accelerator.verilog`."""
        from bitlight_hw.verilog import convert

        board, acc = self.board, self.acc
        heading = (
            f"bitlight_serial: a binary neural network behind a serial line\n\n"
            f"network     {acc.net.id}\n"
            f"board       {board.title}\n"
            f"clock       {self.clock_hz / 1e6:g} MHz; bit of the line: {self.divisor} cycles\n"
        )
        return convert(self, name="bitlight_serial", target=target, heading=heading)

    def top(self, *, simulated: bool = False) -> str:
        """Verilog of module `bitlight_board`: clock, reset, and the serial accelerator.

        Parameters
        ----------
        simulated : bool
            The clock is passed on, since a simulator has none of the vendor's loops. Nothing else
            differs.
        """
        make = pll.passing if simulated else self.board.pll
        return make(self.board.oscillator_hz, self.clock_hz) + _TOP.format(bits=RESET_BITS)


def bit_cycles(board: Board, clock_hz: int) -> int:
    """Clock cycles of a bit of the board's serial line.

    Raises
    ------
    BitlightError
        If no number of cycles comes close enough to its baud rate.
    """
    divisor = round(clock_hz / board.baud)
    error = clock_hz / max(divisor, 1) / board.baud - 1
    if abs(error) > MOST_BAUD_ERROR:
        raise BitlightError(
            f"{clock_hz / 1e6:g} MHz gives a serial line of {board.baud:,} baud only with "
            f"{error:+.1%}; take a multiple of that rate"
        )
    return divisor


_TOP = """
module bitlight_board (input clk, input rx, output tx);
  wire clock, locked;
  bitlight_pll pll (.clk_in(clk), .clk_out(clock), .locked(locked));
  // Reset holds until the clock has been stable for a while.
  reg [1:0] stable = 2'd0;
  reg [{bits}:0] up = 0;
  always @(posedge clock) begin
    stable <= {{stable[0], locked}};
    if (!stable[1]) up <= 0;
    else if (!up[{bits}]) up <= up + 1'd1;
  end
  bitlight_serial serial (.clk(clock), .rst(!up[{bits}]), .rx(rx), .tx(tx));
endmodule
"""
