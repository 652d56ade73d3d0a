"""Models of Gowin's block RAMs, which Yosys knows by their ports alone (Gowin UG285, BSRAM)."""

SLICES = 64  # parameters of initial content, 32 units each
# Of units of 8 and of 9 bits.
SINGLE, SIMPLE, DUAL = ("SP", "SPX9"), ("SDPB", "SDPX9B"), ("DPB", "DPX9B")


def gowin() -> str:
    """Verilog of SP, SDPB and DPB, and of the same with ninth bits: 2,048 units of 8 or 9 bits.

    A port of 16 or 18 bits takes two units, one of 32 or 36 four, and has their write enables in
    its lowest address bits; one of 4, 2 or 1 bits takes a part of a unit's lowest eight. A port
    that writes gives what WRITE_MODE says: what it gave before (0), the new content (1) or the old
    (2). SDPB writes by port A whenever it is enabled and reads by port B. Output registers and
    asynchronous resets end the simulation: no design here has them.
    """
    return "".join(
        form(name, unit)
        for form, names in ((_single, SINGLE), (_simple, SIMPLE), (_dual, DUAL))
        for name, unit in zip(names, (8, 9), strict=True)
    )


def _single(name: str, unit: int) -> str:
    bits = 4 * unit
    ports = (
        f"input CLK, CE, OCE, WRE, RESET, input [2:0] BLKSEL, input [13:0] AD,\n"
        f"  input [{bits - 1}:0] DI, output [{bits - 1}:0] DO"
    )
    parameters = (
        f"parameter READ_MODE = 0, WRITE_MODE = 0, BIT_WIDTH = {bits}, BLK_SEL = 0;\n"
        f"  localparam REGISTERED = READ_MODE;\n"
    )
    port = _port("", unit, 4, "BIT_WIDTH", "WRITE_MODE", "WRE", "CLK", "CE && BLKSEL == BLK_SEL")
    return _module(name, unit, ports, parameters, port)


def _simple(name: str, unit: int) -> str:
    bits = 4 * unit
    ports = (
        f"input CLKA, CEA, RESETA, CLKB, CEB, RESETB, OCE, input [2:0] BLKSELA, BLKSELB,\n"
        f"  input [13:0] ADA, ADB, input [{bits - 1}:0] DI, output [{bits - 1}:0] DO"
    )
    parameters = (
        f"parameter READ_MODE = 0, BIT_WIDTH_0 = {bits}, BIT_WIDTH_1 = {bits};\n"
        f"  parameter BLK_SEL_0 = 0, BLK_SEL_1 = 0;\n"
        f"  localparam REGISTERED = READ_MODE;\n"
        f"  wire [{bits - 1}:0] DIA = DI, DIB = 0, DOA, DOB;\n"
        f"  assign DO = DOB;\n"
    )
    writes = _port("A", unit, 4, "BIT_WIDTH_0", "0", "1'b1", "CLKA", "CEA && BLKSELA == BLK_SEL_0")
    reads = _port("B", unit, 4, "BIT_WIDTH_1", "0", "1'b0", "CLKB", "CEB && BLKSELB == BLK_SEL_1")
    return _module(name, unit, ports, parameters, writes + reads)


def _dual(name: str, unit: int) -> str:
    bits = 2 * unit
    ports = (
        f"input CLKA, CEA, OCEA, WREA, RESETA, CLKB, CEB, OCEB, WREB, RESETB,\n"
        f"  input [2:0] BLKSELA, BLKSELB, input [13:0] ADA, ADB,\n"
        f"  input [{bits - 1}:0] DIA, DIB, output [{bits - 1}:0] DOA, DOB"
    )
    parameters = (
        f"parameter READ_MODE0 = 0, READ_MODE1 = 0, WRITE_MODE0 = 0, WRITE_MODE1 = 0;\n"
        f"  parameter BIT_WIDTH_0 = {bits}, BIT_WIDTH_1 = {bits}, BLK_SEL_0 = 0, BLK_SEL_1 = 0;\n"
        f"  localparam REGISTERED = READ_MODE0 || READ_MODE1;\n"
    )
    both = "".join(
        _port(
            *(port, unit, 2, f"BIT_WIDTH_{number}", f"WRITE_MODE{number}", f"WRE{port}"),
            *(f"CLK{port}", f"CE{port} && BLKSEL{port} == BLK_SEL_{number}"),
        )
        for number, port in enumerate("AB")
    )
    return _module(name, unit, ports, parameters, both)


def _module(name: str, unit: int, ports: str, parameters: str, body: str) -> str:
    slices = [f"INIT_RAM_{index:02X}" for index in range(SLICES)]
    declared = "".join(f"  parameter [{32 * unit - 1}:0] {one} = 0;\n" for one in slices)
    loads = "".join(f"    load({index}, {one});\n" for index, one in enumerate(slices))
    return f"""\
module {name} (
  {ports}
);
  {parameters}\
  parameter RESET_MODE = "SYNC";
{declared}\
  reg [{unit - 1}:0] units [0:2047];
  task load(input integer slice, input [{32 * unit - 1}:0] content);
    integer i;
    for (i = 0; i < 32; i = i + 1) units[32 * slice + i] = content[{unit} * i +: {unit}];
  endtask
  initial begin
    if (REGISTERED) $fatal(1, "an output register");
{loads}  end
{body}endmodule
"""


def _port(
    port: str, unit: int, lanes: int, width: str, mode: str, writes: str, clock: str, enabled: str
) -> str:
    """One port of up to `lanes` units: what it reads, and what it writes."""
    bits = lanes * unit
    names = {"~": port, "@WIDTH": width, "@MODE": mode, "@WRITES": writes, "@CLOCK": clock}
    names |= {"@ENABLED": enabled, "@UNIT": str(unit), "@TOP": str(bits - 1)}
    written = ""
    old: list[str] = []
    new: list[str] = []
    for lane in range(lanes):
        data = f"DI~[{unit * lane} +: {unit}]"
        enable = "(count_~ == 1 || AD~[0])" if lane == 0 else f"(count_~ > {lane} && AD~[{lane}])"
        written += f"          if ({enable}) units[unit_~ | {lane}] <= {data};\n"
        old.insert(0, f"units[unit_~ | {lane}]")
        new.insert(0, f"{enable} ? {data} : units[unit_~ | {lane}]")
    text = _PORT.replace("@OLD", ", ".join(old)).replace("@NEW", ", ".join(new))
    text = text.replace("@WRITTEN", written)
    for name, value in names.items():
        text = text.replace(name, value)
    return text


_PORT = """\
  localparam integer count_~ = @WIDTH < 16 ? 1 : @WIDTH / @UNIT;
  wire [10:0] unit_~ = AD~[13:3] / count_~ * count_~;
  wire [@TOP:0] stood_~ =
    @WIDTH == 1 ? units[unit_~][AD~[2:0]] :
    @WIDTH == 2 ? units[unit_~][{AD~[2:1], 1'b0} +: 2] :
    @WIDTH == 4 ? units[unit_~][{AD~[2], 2'b0} +: 4] : {@OLD};
  wire [@TOP:0] stands_~ = @WIDTH < 8 ? DI~ : {@NEW};
  reg [@TOP:0] given_~ = 0;
  assign DO~ = given_~;
  always @(posedge @CLOCK) begin
    if (RESET~ && RESET_MODE != "SYNC") $fatal(1, "an asynchronous reset");
    if (RESET~) given_~ <= 0;
    else if (@ENABLED)
      if (!@WRITES || @MODE == 2) given_~ <= stood_~;
      else if (@MODE == 1) given_~ <= stands_~;
    if (@ENABLED && @WRITES)
      case (@WIDTH)
        1: units[unit_~][AD~[2:0]] <= DI~[0];
        2: units[unit_~][{AD~[2:1], 1'b0} +: 2] <= DI~[1:0];
        4: units[unit_~][{AD~[2], 2'b0} +: 4] <= DI~[3:0];
        default: begin
@WRITTEN        end
      endcase
  end
"""
