"""A model of ECP5's block RAM, which Yosys knows by its ports alone."""

SLICES = 64  # parameters of initial content, 16 words of 18 bits each, 20 bits apart
ADDRESS, WORD = 14, 18


def dp16kd() -> str:
    """Verilog of DP16KD: 2,048 units of 9 bits behind two ports (Lattice FPGA-TN-02204).

    A port of 18 bits takes two units, and has their write enables in its lowest address bits; one
    of 4, 2 or 1 bits takes a part of a unit's lowest eight. With 36 bits port A only writes and
    port B only reads, in four units, the lower half of the data at A and the upper at B. Output
    registers, inverted clocks and a port B that writes 36 bits end the simulation: no design here
    has them.
    """
    ports = [line for port in "AB" for line in _ports(port)]
    contents = [f"INITVAL_{index:02X}" for index in range(SLICES)]
    loads = "".join(f"    load({index}, {name});\n" for index, name in enumerate(contents))
    initial = "".join(f"  parameter [319:0] {name} = 320'd0;\n" for name in contents)
    return (
        f"module DP16KD ({', '.join(ports)});\n{initial}{_DECLARED}"
        f"{''.join(_port(port) for port in 'AB')}{_BODY.replace('@LOADS@', loads)}endmodule\n"
    )


def _ports(port: str) -> list[str]:
    inputs = ["CLK", "CE", "OCE", "WE", "RST"]
    names = [f"{name}{port}" for name in inputs]
    names += [f"CS{port}{bit}" for bit in range(3)]
    names += [f"AD{port}{bit}" for bit in range(ADDRESS)]
    names += [f"DI{port}{bit}" for bit in range(WORD)]
    outputs = [f"output DO{port}{bit}" for bit in range(WORD)]
    return [f"input {name}" for name in names] + outputs


_DECLARED = """\
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18;
  parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG";
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL";
  parameter CLKAMUX = "CLKA", CLKBMUX = "CLKB";
  parameter CSDECODE_A = "0b000", CSDECODE_B = "0b000";
  parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", GSR = "DISABLED";
  reg [8:0] units [0:2047];
"""
_BODY = """\
  task load(input integer slice, input [319:0] words);
    integer i;
    for (i = 0; i < 16; i = i + 1) begin
      units[32 * slice + 2 * i] = words[20 * i +: 9];
      units[32 * slice + 2 * i + 1] = words[20 * i + 9 +: 9];
    end
  endtask
  initial begin
    if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG") $fatal(1, "an output register");
    if (CLKAMUX == "INV" || CLKBMUX == "INV") $fatal(1, "an inverted clock");
@LOADS@  end
  wire [10:0] four_A = {address_A[13:5], 2'd0}, four_B = {address_B[13:5], 2'd0};
  reg [35:0] wide = 36'd0;
  always @(posedge CLKB)
    if (DATA_WIDTH_B == 36 && CEB && !CSB0 && !CSB1 && !CSB2) begin
      if (WEB) $fatal(1, "a port B that writes 36 bits");
      wide <= RSTB ? 36'd0 :
        {units[four_B | 11'd3], units[four_B | 11'd2], units[four_B | 11'd1], units[four_B]};
    end
  always @(posedge CLKA)
    if (DATA_WIDTH_A == 36 && CEA && !CSA0 && !CSA1 && !CSA2 && WEA) begin
      if (address_A[0]) units[four_A] <= data_A[8:0];
      if (address_A[1]) units[four_A | 11'd1] <= data_A[17:9];
      if (address_A[2]) units[four_A | 11'd2] <= data_B[8:0];
      if (address_A[3]) units[four_A | 11'd3] <= data_B[17:9];
    end
  assign out_A = DATA_WIDTH_B == 36 ? wide[17:0] : given_A;
  assign out_B = DATA_WIDTH_B == 36 ? wide[35:18] : given_B;
"""


def _port(port: str) -> str:
    address = ", ".join(f"AD{port}{bit}" for bit in reversed(range(ADDRESS)))
    data = ", ".join(f"DI{port}{bit}" for bit in reversed(range(WORD)))
    given = ", ".join(f"DO{port}{bit}" for bit in reversed(range(WORD)))
    return _PORT.replace("~", port) % {"address": address, "data": data, "given": given}


_PORT = """\
  wire [13:0] address_~ = {%(address)s};
  wire [17:0] data_~ = {%(data)s};
  reg [17:0] given_~ = 18'd0;
  wire [17:0] out_~;
  assign {%(given)s} = out_~;
  wire [10:0] unit_~ = DATA_WIDTH_~ == 18 ? {address_~[13:4], 1'b0} : address_~[13:3];
  wire [17:0] word_~ = {units[unit_~ | 11'd1], units[unit_~]};
  wire [17:0] read_~ =
    DATA_WIDTH_~ == 18 ? word_~ :
    DATA_WIDTH_~ == 9 ? units[unit_~] :
    DATA_WIDTH_~ == 4 ? units[unit_~][4 * address_~[2] +: 4] :
    DATA_WIDTH_~ == 2 ? units[unit_~][2 * address_~[2:1] +: 2] : units[unit_~][address_~[2:0]];
  always @(posedge CLK~)
    if (DATA_WIDTH_~ != 36 && CE~ && !CS~0 && !CS~1 && !CS~2) begin
      if (!WE~ || WRITEMODE_~ == "READBEFOREWRITE") given_~ <= RST~ ? 18'd0 : read_~;
      else if (WRITEMODE_~ == "WRITETHROUGH") given_~ <= RST~ ? 18'd0 : data_~;
      if (WE~)
        case (DATA_WIDTH_~)
          18: begin
            if (address_~[0]) units[unit_~] <= data_~[8:0];
            if (address_~[1]) units[unit_~ | 11'd1] <= data_~[17:9];
          end
          9: units[unit_~] <= data_~[8:0];
          4: units[unit_~][4 * address_~[2] +: 4] <= data_~[3:0];
          2: units[unit_~][2 * address_~[2:1] +: 2] <= data_~[1:0];
          default: units[unit_~][address_~[2:0]] <= data_~[0];
        endcase
    end
"""
