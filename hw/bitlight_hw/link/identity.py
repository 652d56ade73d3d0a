"""What a design says of itself over the link: JSON, since people read it too."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from bitlight import BitlightError
from bitlight_hw.link.protocol import VERSION

MOST_BYTES = 1024


@dataclass(frozen=True)
class Identity:
    """What is loaded, and where.

    Attributes
    ----------
    version : int
        Of the protocol.
    board : str
    network : str
        Its id.
    clock_hz : int
    image_bytes, result_bytes : int
        Payload of a frame to be run, and of its answer.
    window : int
        Images that may be under way.
    latency, interval : int
        Cycles of an image that comes alone, and between results where images wait.
    """

    version: int
    board: str
    network: str
    clock_hz: int
    image_bytes: int
    result_bytes: int
    window: int
    latency: int
    interval: int

    @classmethod
    def of(cls, design: Any, board: str) -> "Identity":
        """The identity of a `LinkedAccelerator`."""
        return cls(
            VERSION,
            board,
            design.acc.net.id,
            design.clock_hz,
            design.frames_in.bytes,
            design.result_bytes,
            design.window,
            design.latency,
            design.interval,
        )

    @property
    def encoded(self) -> bytes:
        """As it goes over the link."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def decoded(cls, payload: bytes) -> "Identity":
        """What a board answered.

        Raises
        ------
        BitlightError
            If it is no identity, or one of another version.
        """
        try:
            fields = json.loads(payload[:MOST_BYTES])
            version = fields["version"]
            if version != VERSION:
                raise BitlightError(
                    f"the board speaks version {version!r:.20} of the link, this program {VERSION}"
                )
            if {name: type(value) for name, value in fields.items()} != {
                name: field.type for name, field in cls.__dataclass_fields__.items()
            }:
                raise ValueError
            return cls(**fields)
        except (ValueError, KeyError, TypeError, UnicodeDecodeError):
            raise BitlightError(f"the board tells nothing of itself: {payload[:40]!r}") from None
