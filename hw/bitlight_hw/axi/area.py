"""What the AXI ports take around an accelerator, before any tool has seen it.

Registers, framing and sender are the same for all networks but for the width of the bus; what they
take was fitted to what Yosys 0.70 counts with tdata of 32, 128 and 512 bits, the accelerator and
what repacks words taken off.
"""

from dataclasses import dataclass

from bitlight_hw.axi.accelerator import AxiAccelerator
from bitlight_hw.axi.path import SKID
from bitlight_hw.estimate import Estimate
from bitlight_hw.family import Family


@dataclass(frozen=True)
class Ports:
    """Registers, framing, sender and queues: so much, and so much for each bit of tdata."""

    luts: float
    luts_of_bit: float
    carries: int
    ffs: float
    ffs_of_bit: float


PORTS = {
    "xc7": Ports(298, 1.22, 36, 259, 0.98),
    "ecp5": Ports(348, 1.6, 58, 259, 0.98),
    "ice40": Ports(540, 0.93, 112, 297, 0.74),
}


def estimate(top: AxiAccelerator, family: Family) -> dict[str, Estimate]:
    """What stands around the accelerator, by name."""
    path, width = top.path, top.data_bits
    ports = PORTS.get(family.name, PORTS["xc7"])
    queues = [(SKID, len(path.unpack.i.payload)), (SKID, width), (path.most_images, 1)]
    found = {
        "AXI ports": Estimate(
            luts=round(ports.luts + ports.luts_of_bit * width),
            memory_luts=sum(family.memory_luts(depth, bits) for depth, bits in queues),
            carries=ports.carries,
            ffs=round(ports.ffs + ports.ffs_of_bit * width),
        ),
        "words to beats": path.unpack.estimate(family),
        "beats to words": path.pack.estimate(family),
    }
    if path.queue is not None:
        found["queue of beats"] = path.queue.estimate(family)
    return found
