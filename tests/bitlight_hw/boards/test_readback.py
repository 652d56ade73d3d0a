"""Reading a bitstream back: what the tools leave out is put right, and what is missing is said."""

import pytest

from bitlight import SynthesisError
from bitlight_hw.boards import board, readback

WRITTEN = """\
module bitlight_board (input rx, output tx, input clk);
wire n1, tx, n2, rx, n3;
SB_PLL40_PAD #(.DIVR(4'b0000)) PLL (.PACKAGEPIN(n4607), .PLLOUTGLOBAL(n6));
// Warning: unmatched port 'clk'
endmodule
"""


def test_what_the_tools_leave_out_is_put_right(tmp_path, monkeypatch):
    monkeypatch.setattr(readback.shutil, "which", lambda tool: tool)
    monkeypatch.setattr(readback, "_call", lambda command, folder: WRITTEN)
    text = readback.read_back(tmp_path / "board.bin", board("icebreaker"))
    assert "wire n1, n2, n3;" in text
    assert "assign n4607 = clk;" in text
    assert "unmatched" not in text


def test_only_of_an_ice40(tmp_path):
    with pytest.raises(SynthesisError, match="iCE40 can be read back, not of LFE5U-25F"):
        readback.read_back(tmp_path / "board.bit", board("orangecrab"))


def test_missing_tools_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SynthesisError, match="iceunpack is not installed; .* fpga-icestorm"):
        readback.read_back(tmp_path / "board.bin", board("icebreaker"))
