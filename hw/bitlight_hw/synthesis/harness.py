"""A top with five pins around a design of any width, for place and route.

A stream is as wide as its beat, and a wide one has more bits than a package has pins. Paths from
and to unconstrained pins would mean nothing either. So a shift register gives the design its
inputs, and a register takes its outputs and shifts them out: every path of the design, from port
to port too, then lies between two flip-flops, and is counted in the clock frequency.
"""

import re
from dataclasses import dataclass

from bitlight import SynthesisError

NAME = "harness"
# The instance of the design in it.
CORE = "core"
PORT = re.compile(r"^  (input|output)(?: \[(\d+):0\])? (\S+);$", re.MULTILINE)


@dataclass(frozen=True)
class Port:
    """A port of the design: its name, whether it is an input, and its bits."""

    name: str
    is_input: bool
    width: int


def ports(verilog: str, top: str) -> list[Port]:
    """The ports of the top module, as `bitlight_hw.verilog.convert` writes them.

    Raises
    ------
    SynthesisError
        If there is no such module, or it has no ports.
    """
    found = re.search(rf"^module {re.escape(top)} ?\(.*?^endmodule$", verilog, re.M | re.S)
    declared = PORT.findall(found[0]) if found else []
    if not declared:
        raise SynthesisError(f"the Verilog has no module {top!r} with ports")
    return [Port(name, way == "input", int(high or 0) + 1) for way, high, name in declared]


def text(verilog: str, top: str) -> str:
    """Verilog of the harness, with the design declared as a black box."""
    declared = ports(verilog, top)
    driven = [port for port in declared if port.is_input and port.name not in ("clk", "rst")]
    seen = [port for port in declared if not port.is_input]
    clocking = {"clk": "clk", "rst": "reset"}
    links = [f".{p.name}({clocking[p.name]})" for p in declared if p.name in clocking]
    links += _slices(driven, "inputs") + _slices(seen, "outputs")
    into = max(1, sum(port.width for port in driven))
    out = max(1, sum(port.width for port in seen))
    return f"""\
module {NAME}(input clk, input rst, input serial, input load, output result);
  reg reset;
  reg [{into - 1}:0] inputs;
  wire [{out - 1}:0] outputs;
  reg [{out - 1}:0] taken;
  always @(posedge clk) begin
    reset <= rst;
    inputs <= {{inputs, serial}};
    taken <= load ? outputs : taken >> 1;
  end
  assign result = taken[0];
  {top} {CORE}({", ".join(links)});
endmodule

(* blackbox *)
module {top}({", ".join(map(_declaration, declared))});
endmodule
"""


def _slices(chosen: list[Port], bus: str) -> list[str]:
    starts = [sum(port.width for port in chosen[:index]) for index in range(len(chosen))]
    return [
        f".{port.name}({bus}[{start} +: {port.width}])"
        for port, start in zip(chosen, starts, strict=True)
    ]


def _declaration(port: Port) -> str:
    return f"{'input' if port.is_input else 'output'} [{port.width - 1}:0] {port.name}"
