"""The bus wrapper's Verilog under cocotb, on Verilator or Icarus, driven by cocotbext-axi."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bitlight_hw.axi import REGISTERS, AxiAccelerator
from bitlight_hw.axi.registers import ADDRESS_BITS, IDENTITY, OFFSETS, VERSION
from bitlight_sim.runner import SimulatorName, run_bench


def cosimulate_axi(
    axi: AxiAccelerator,
    images: np.ndarray,
    expected: np.ndarray,
    simulator: SimulatorName,
    folder: Path,
    *,
    seed: int = 0,
    rounds: int = 4,
    tests: Sequence[str] | None = None,
    verilog: str | None = None,
) -> None:
    """Run the bench: full rate, pauses, framing errors, resets, registers.

    Parameters
    ----------
    images : uint8 array, as the network takes them
    expected : array
        What `Accelerator.expected` gives for them.
    simulator : "icarus" or "verilator"
    folder : Path
        For what is built and written.
    seed : int, of all that is random
    rounds : int
        How much is tried: odds of pauses, and resets.
    tests : sequence of str, optional
        Names in `axi_bench`; all by default.
    verilog : str, optional
        A text other than the wrapper's own, such as one with a fault in it.

    Raises
    ------
    SimulationError
        If a tool is missing, or the bench found a difference; the message says which.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "IDENTITY": IDENTITY,
        "VERSION": VERSION,
        "BYTES_IN": axi.frames_in.bytes,
        "BYTES_OUT": axi.frames_out.bytes,
        "BITS_IN": axi.acc.net.input_bits,
        "BITS_OUT": axi.frames_out.bits,
        "INTERVAL": axi.cycles_per_image,
        "LATENCY": axi.latency,
        "BYTES_WORD": axi.data_bits // 8,
    }
    readable = {OFFSETS[name]: value for name, value in values.items()}
    for index, word in enumerate(np.frombuffer(bytes.fromhex(axi.acc.net.id), ">u4")):
        readable[OFFSETS["NETWORK"] + 4 * index] = int(word)
    mapped = {offset for register in REGISTERS for offset in register.members}
    beyond = max(mapped) + 4
    content = {
        "frames": [frame.hex() for frame in input_frames(images, axi.acc.net.input_bits, seed)],
        "results": [frame.hex() for frame in output_frames(expected, axi.frames_out.bits)],
        "bytes_in": axi.frames_in.bytes,
        "bytes_out": axi.frames_out.bytes,
        "offsets": OFFSETS,
        "readable": readable,
        "unmapped": [beyond, 0x100, (1 << ADDRESS_BITS) - 4],
        "interval": axi.cycles_per_image,
        "latency": axi.latency,
        "exact_latency": not axi.path.early_beats,
        "rounds": rounds,
        "seed": seed,
    }
    case = folder / "case.json"
    case.write_text(json.dumps(content))
    run_bench(
        verilog or axi.verilog(),
        "bitlight_axi",
        "axi_bench",
        simulator,
        folder,
        {"BITLIGHT_CASE": str(case)},
        testcase=tests,
    )


def input_frames(images: np.ndarray, bits: int, seed: int = 0) -> list[bytes]:
    """The bytes of each image; in those of less than 8 bits, the others are random."""
    flat = images.reshape(len(images), -1)
    if bits == 1:
        return [np.packbits(image, bitorder="little").tobytes() for image in flat]
    noise = np.random.default_rng(seed).integers(0, 256, flat.shape, np.uint8)
    return [frame.tobytes() for frame in flat | (noise & (0xFF << bits & 0xFF))]


def output_frames(expected: np.ndarray, bits: int) -> list[bytes]:
    """The bytes of each result: int32 scores, intensities, or features packed."""
    if bits > 1:
        return [elements.astype("<i4" if bits == 32 else "u1").tobytes() for elements in expected]
    return [np.packbits(features, bitorder="little").tobytes() for features in expected]
