"""Where the ports of a design are on a board, in the words of each vendor's tools."""

from bitlight_hw.boards.board import Board


def pcf(board: Board, clock_hz: int) -> str:
    """For nextpnr-ice40."""
    return "".join(f"set_io {port} {pin.site}\n" for port, pin in board.pins.items())


def lpf(board: Board, clock_hz: int) -> str:
    """For nextpnr-ecp5."""
    lines = [f'FREQUENCY PORT "clk" {board.oscillator_hz / 1e6:g} MHZ;\n']
    for port, pin in board.pins.items():
        pull = " PULLMODE=UP" if port == "rx" else ""
        lines.append(f'LOCATE COMP "{port}" SITE "{pin.site}";\n')
        lines.append(f'IOBUF PORT "{port}" IO_TYPE={pin.standard}{pull};\n')
    return "".join(lines)


def cst(board: Board, clock_hz: int) -> str:
    """For nextpnr-himbaechel-gowin and Gowin's own tools."""
    lines = []
    for port, pin in board.pins.items():
        pull = " PULL_MODE=UP" if port == "rx" else ""
        lines.append(f'IO_LOC "{port}" {pin.site};\n')
        lines.append(f'IO_PORT "{port}" IO_TYPE={pin.standard}{pull};\n')
    return "".join(lines)


def xdc(board: Board, clock_hz: int) -> str:
    """For Vivado."""
    period = 1e9 / board.oscillator_hz
    lines = [f"create_clock -name clk -period {period:.3f} [get_ports clk]\n"]
    for port, pin in board.pins.items():
        lines.append(
            f"set_property -dict {{PACKAGE_PIN {pin.site} IOSTANDARD {pin.standard}}} "
            f"[get_ports {port}]\n"
        )
    # A serial line has no phase to the clock: the design samples it by itself.
    lines.append("set_false_path -from [get_ports rx]\nset_false_path -to [get_ports tx]\n")
    return "".join(lines)
