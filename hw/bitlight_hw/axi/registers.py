"""The register map.

| offset | name | access | meaning |
|---|---|---|---|
| 0x00 | IDENTITY | ro | 0x6269746C, "bitl" |
| 0x04 | VERSION | ro | of this map: major in bits 31–16, minor in bits 15–0 |
| 0x08 | CONTROL | rw | bit 0: soft reset; bit 1: clear the counters; both clear themselves |
| 0x0C | STATUS | ro | bit 0: inside an input frame; bit 1: inside an output frame |
| 0x10–0x2C | NETWORK | ro | `net.id`, 8 words; the first holds its first 8 hexadecimal digits |
| 0x30 | BYTES_IN | ro | bytes of an input frame |
| 0x34 | BYTES_OUT | ro | bytes of an output frame |
| 0x38 | BITS_IN | ro | bits of an input element: 1 is packed, 2 to 8 are one byte each |
| 0x3C | BITS_OUT | ro | bits of an output element: 1, packed; 8; or 32, signed |
| 0x40 | INTERVAL | ro | cycles per frame, predicted |
| 0x44 | LATENCY | ro | cycles from the first word taken to the last word given, predicted |
| 0x48 | FRAMES_IN | ro | whole frames taken, modulo 2³² |
| 0x4C | FRAMES_OUT | ro | whole frames given, modulo 2³² |
| 0x50 | FRAMING_ERRORS | ro | frames dropped for their form, modulo 2³² |
| 0x54 | BATCH | rw | images of a frame, from the next one on: 1, as for 0, to 65535 |
| 0x58 | BYTES_WORD | ro | bytes of a word of the streams |

Registers are 32 bits; the two lowest address bits are ignored. An address that is not in the table,
or a write to a register that is ro, is answered with SLVERR and changes nothing. CONTROL takes a
write only where WSTRB marks its lowest byte, and reads 0; BATCH keeps the bytes that WSTRB does not
mark.
"""

from dataclasses import dataclass
from typing import Literal

from amaranth import Const

# Bits of an address: 4 KiB, the least that an interconnect gives a subordinate.
ADDRESS_BITS = 12
# Of the number of images in a frame.
BATCH_BITS = 16
IDENTITY = int.from_bytes(b"bitl", "big")
VERSION = 1 << 16 | 1


@dataclass(frozen=True)
class Register:
    """One row of the map; `words` registers that follow each other.

    One with `first` keeps as many of its lowest bits as that has, and begins with it.

    Examples
    --------
    >>> next(register.offset for register in REGISTERS if register.name == "BATCH")
    84
    """

    offset: int
    name: str
    access: Literal["ro", "rw"]
    meaning: str
    words: int = 1
    first: Const | None = None

    @property
    def members(self) -> dict[int, str]:
        """Offset and port name of each word."""
        name = self.name.lower()
        if self.words == 1:
            return {self.offset: name}
        return {self.offset + 4 * index: f"{name}{index}" for index in range(self.words)}


REGISTERS = (
    Register(0x00, "IDENTITY", "ro", '0x6269746C, "bitl"'),
    Register(0x04, "VERSION", "ro", "of this map: major in bits 31–16, minor in bits 15–0"),
    Register(
        0x08,
        "CONTROL",
        "rw",
        "bit 0: soft reset; bit 1: clear the counters; both clear themselves",
    ),
    Register(0x0C, "STATUS", "ro", "bit 0: inside an input frame; bit 1: inside an output frame"),
    Register(
        0x10,
        "NETWORK",
        "ro",
        "`net.id`, 8 words; the first holds its first 8 hexadecimal digits",
        words=8,
    ),
    Register(0x30, "BYTES_IN", "ro", "bytes of an input frame"),
    Register(0x34, "BYTES_OUT", "ro", "bytes of an output frame"),
    Register(
        0x38, "BITS_IN", "ro", "bits of an input element: 1 is packed, 2 to 8 are one byte each"
    ),
    Register(0x3C, "BITS_OUT", "ro", "bits of an output element: 1, packed; 8; or 32, signed"),
    Register(0x40, "INTERVAL", "ro", "cycles per frame, predicted"),
    Register(
        0x44,
        "LATENCY",
        "ro",
        "cycles from the first word taken to the last word given, predicted",
    ),
    Register(0x48, "FRAMES_IN", "ro", "whole frames taken, modulo 2³²"),
    Register(0x4C, "FRAMES_OUT", "ro", "whole frames given, modulo 2³²"),
    Register(0x50, "FRAMING_ERRORS", "ro", "frames dropped for their form, modulo 2³²"),
    Register(
        0x54,
        "BATCH",
        "rw",
        "images of a frame, from the next one on: 1, as for 0, to 65535",
        first=Const(1, BATCH_BITS),
    ),
    Register(0x58, "BYTES_WORD", "ro", "bytes of a word of the streams"),
)
OFFSETS = {register.name: register.offset for register in REGISTERS}


def table() -> str:
    """The map as a Markdown table; the documentation holds the same lines."""
    rows = ["| offset | name | access | meaning |", "|---|---|---|---|"]
    for row in REGISTERS:
        offset = f"0x{row.offset:02X}"
        if row.words > 1:
            offset += f"–0x{max(row.members):02X}"
        rows.append(f"| {offset} | {row.name} | {row.access} | {row.meaning} |")
    return "\n".join(rows)
