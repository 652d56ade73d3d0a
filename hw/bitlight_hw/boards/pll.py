"""Phase-locked loops: the settings that make one clock of another, as Verilog.

Each family's module is called `bitlight_pll`, with clk_in, clk_out and locked. Where both clocks
are the same, it passes the one on.
"""

from collections.abc import Callable, Iterator

from bitlight import BitlightError

# Verilog of the module, for (clock on the board, clock wanted), in Hz.
Maker = Callable[[int, int], str]
MHZ = 1_000_000
HEAD = "module bitlight_pll (input clk_in, output clk_out, output locked);\n"


def passing(clock_in: int, clock_out: int) -> str:
    """No loop: the clock as it is; for simulation too, where a clock has no frequency."""
    return HEAD + "  assign clk_out = clk_in;\n  assign locked = 1'b1;\nendmodule\n"


def ice40(clock_in: int, clock_out: int) -> str:
    """SB_PLL40_PAD, on a clock that comes by the pad of the loop.

    out = in·(DIVF + 1)/((DIVR + 1)·2^DIVQ) with 10 to 133 MHz where phases are compared and 533 to
    1066 MHz in the oscillator (Lattice FPGA-TN-02052).
    """
    if clock_in == clock_out:
        return passing(clock_in, clock_out)

    def settings() -> Iterator[tuple[int, int, int]]:
        for divr in range(16):
            compared = clock_in / (divr + 1)
            for divq in range(1, 7):
                vco = clock_out << divq
                divf, rest = divmod(vco * (divr + 1), clock_in)
                if rest or not 1 <= divf <= 64 or not 10 * MHZ <= compared <= 133 * MHZ:
                    continue
                if 533 * MHZ <= vco <= 1066 * MHZ:
                    yield divr, divf - 1, divq

    divr, divf, divq = _first(settings(), clock_in, clock_out)
    compared = clock_in / (divr + 1) / MHZ
    bounds = (17, 26, 44, 66, 101, 134)
    span = next(place for place, bound in enumerate(bounds, 1) if compared < bound)
    return (
        HEAD
        + f"""\
  SB_PLL40_PAD #(
    .FEEDBACK_PATH("SIMPLE"), .DIVR(4'd{divr}), .DIVF(7'd{divf}), .DIVQ(3'd{divq}),
    .FILTER_RANGE(3'd{span})
  ) pll (
    .PACKAGEPIN(clk_in), .PLLOUTGLOBAL(clk_out), .LOCK(locked), .RESETB(1'b1), .BYPASS(1'b0)
  );
endmodule
"""
    )


def ecp5(clock_in: int, clock_out: int) -> str:
    """EHXPLLL with its own output fed back.

    out = in·CLKFB_DIV/CLKI_DIV with 3.125 to 400 MHz where phases are compared, and out·CLKOP_DIV
    in the oscillator, 400 to 800 MHz (Lattice FPGA-TN-02200).
    """
    if clock_in == clock_out:
        return passing(clock_in, clock_out)

    def settings() -> Iterator[tuple[int, int, int]]:
        for reference in range(1, 129):
            feedback, rest = divmod(clock_out * reference, clock_in)
            if rest or not 1 <= feedback <= 80 or clock_in / reference < 3.125 * MHZ:
                continue
            for output in range(1, 129):
                if 400 * MHZ <= clock_out * output <= 800 * MHZ:
                    yield reference, feedback, output

    reference, feedback, output = _first(settings(), clock_in, clock_out)
    return (
        HEAD
        + f"""\
  (* ICP_CURRENT="12" *) (* LPF_RESISTOR="8" *) (* MFG_ENABLE_FILTEROPAMP="1" *)
  (* MFG_GMCREF_SEL="2" *)
  EHXPLLL #(
    .FEEDBK_PATH("CLKOP"), .CLKI_DIV({reference}), .CLKFB_DIV({feedback}), .CLKOP_DIV({output}),
    .CLKOP_ENABLE("ENABLED"), .CLKOP_CPHASE({output // 2}), .CLKOP_FPHASE(0),
    .OUTDIVIDER_MUXA("DIVA"), .PLLRST_ENA("DISABLED"), .INTFB_WAKE("DISABLED"),
    .STDBY_ENABLE("DISABLED"), .DPHASE_SOURCE("DISABLED")
  ) pll (
    .CLKI(clk_in), .CLKFB(clk_out), .CLKOP(clk_out), .LOCK(locked), .RST(1'b0), .STDBY(1'b0),
    .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b1), .PHASESTEP(1'b1), .PHASELOADREG(1'b1),
    .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0)
  );
endmodule
"""
    )


def gw1n_9c(clock_in: int, clock_out: int) -> str:
    """rPLL of a GW1NR-9C.

    out = in·(FBDIV_SEL + 1)/(IDIV_SEL + 1) with 3 to 400 MHz where phases are compared, and
    out·ODIV_SEL in the oscillator, 400 to 1,200 MHz (Gowin UG286, DS117).
    """
    if clock_in == clock_out:
        return passing(clock_in, clock_out)

    def settings() -> Iterator[tuple[int, int, int]]:
        for reference in range(1, 65):
            feedback, rest = divmod(clock_out * reference, clock_in)
            if rest or not 1 <= feedback <= 64 or clock_in / reference < 3 * MHZ:
                continue
            for output in (2, 4, 8, *range(16, 129, 16)):
                if 400 * MHZ <= clock_out * output <= 1200 * MHZ:
                    yield reference, feedback, output

    reference, feedback, output = _first(settings(), clock_in, clock_out)
    return (
        HEAD
        + f"""\
  rPLL #(
    .FCLKIN("{clock_in / MHZ:g}"), .DEVICE("GW1NR-9C"), .IDIV_SEL({reference - 1}),
    .FBDIV_SEL({feedback - 1}), .ODIV_SEL({output})
  ) pll (
    .CLKIN(clk_in), .CLKOUT(clk_out), .LOCK(locked), .RESET(1'b0), .RESET_P(1'b0), .CLKFB(1'b0),
    .FBDSEL(6'b0), .IDSEL(6'b0), .ODSEL(6'b0), .PSDA(4'b0), .DUTYDA(4'b0), .FDLY(4'b0)
  );
endmodule
"""
    )


def xc7(clock_in: int, clock_out: int) -> str:
    """PLLE2_BASE, and the buffers of its feedback and its output.

    out = in·CLKFBOUT_MULT/(DIVCLK_DIVIDE·CLKOUT0_DIVIDE) with 19 to 800 MHz where phases are
    compared and 800 to 1,600 MHz in the oscillator (Xilinx DS181, speed -1).
    """
    if clock_in == clock_out:
        return passing(clock_in, clock_out)

    def settings() -> Iterator[tuple[int, int, int]]:
        for output in range(1, 129):
            vco = clock_out * output
            if not 800 * MHZ <= vco <= 1600 * MHZ:
                continue
            for reference in range(1, 6):
                multiple, rest = divmod(vco * reference, clock_in)
                if not rest and 2 <= multiple <= 64:
                    yield reference, multiple, output

    reference, multiple, output = _first(settings(), clock_in, clock_out)
    return (
        HEAD
        + f"""\
  wire fed, made, back;
  PLLE2_BASE #(
    .CLKIN1_PERIOD({1e9 / clock_in:.3f}), .DIVCLK_DIVIDE({reference}),
    .CLKFBOUT_MULT({multiple}), .CLKOUT0_DIVIDE({output})
  ) pll (
    .CLKIN1(clk_in), .CLKFBIN(back), .CLKFBOUT(fed), .CLKOUT0(made), .LOCKED(locked),
    .RST(1'b0), .PWRDWN(1'b0)
  );
  BUFG feedback (.I(fed), .O(back));
  BUFG output_clock (.I(made), .O(clk_out));
endmodule
"""
    )


def _first(
    settings: Iterator[tuple[int, int, int]], clock_in: int, clock_out: int
) -> tuple[int, int, int]:
    found = next(settings, None)
    if found is None:
        raise BitlightError(
            f"no setting of the board's PLL makes {clock_out / MHZ:g} MHz of {clock_in / MHZ:g} MHz"
        )
    return found
