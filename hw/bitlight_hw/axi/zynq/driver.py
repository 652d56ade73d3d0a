"""Drives the accelerator of a bitlight network from PYNQ, over AXI DMA.

    from bitlight_driver import Accelerator
    accelerator = Accelerator("bitlight.bit")
    features = accelerator.run(images)

This file stands alone: it needs numpy, and pynq for what is loaded. It was tried on the RTL of the
accelerator, in simulation, and on no Zynq.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

# What the overlay was made for; `bitlight verilog --pynq` writes these.
NETWORK_ID = ""
SHAPE: tuple[int, ...] = ()
ELEMENTS_OUT = 0

IDENTITY = 0x6269746C  # "bitl"
# Offsets of registers.
CONTROL, NETWORK, BYTES_IN, BYTES_OUT = 0x08, 0x10, 0x30, 0x34
BITS_IN, BITS_OUT, FRAMING_ERRORS, BATCH, BYTES_WORD = 0x38, 0x3C, 0x50, 0x54, 0x58
SOFT_RESET, CLEAR_COUNTERS = 1, 2
MOST_IMAGES = 65535  # that a frame may have


class Accelerator:
    """Images in, features out.

    Parameters
    ----------
    bitfile : str
        The bitstream, with its .hwh beside it.
    batch : int
        Images of a transfer: the more, the less of the time goes into starting transfers.

    Raises
    ------
    RuntimeError
        If what is loaded is no bitlight accelerator, or one of another network.
    """

    def __init__(self, bitfile: str = "bitlight.bit", *, batch: int = 256) -> None:
        from pynq import MMIO, Overlay, allocate  # type: ignore[import-not-found]

        overlay = Overlay(bitfile)
        place = overlay.ip_dict["bitlight"]
        self._use(MMIO(place["phys_addr"], 0x1000), overlay.dma, allocate, batch)

    @classmethod
    def on(
        cls, registers: Any, dma: Any, allocate: Callable[..., Any], batch: int = 256
    ) -> "Accelerator":
        """One that is loaded already, behind registers and a DMA engine as PYNQ has them."""
        made = cls.__new__(cls)
        made._use(registers, dma, allocate, batch)
        return made

    def _use(self, registers: Any, dma: Any, allocate: Callable[..., Any], batch: int) -> None:
        if not 1 <= batch <= MOST_IMAGES:
            raise ValueError(f"a transfer has 1 to {MOST_IMAGES} images, not {batch}")
        self.registers, self.dma, self.batch = registers, dma, batch
        if registers.read(0) != IDENTITY:
            raise RuntimeError("there is no bitlight accelerator at its address")
        found = "".join(f"{registers.read(NETWORK + 4 * word):08x}" for word in range(8))
        if found != NETWORK_ID:
            raise RuntimeError(f"network {found} is loaded, this driver is for {NETWORK_ID}")
        self.bytes_in, self.bytes_out = registers.read(BYTES_IN), registers.read(BYTES_OUT)
        self.bits_in, self.bits_out = registers.read(BITS_IN), registers.read(BITS_OUT)
        word = registers.read(BYTES_WORD)
        rows = [-(-size // word) * word for size in (self.bytes_in, self.bytes_out)]
        self._images = allocate((batch, rows[0]), np.uint8)
        self._results = allocate((batch, rows[1]), np.uint8)

    def run(self, images: np.ndarray) -> np.ndarray:
        """Features of the images, as bitlight's golden model gives them.

        Parameters
        ----------
        images : uint8 array, shape (N, *SHAPE), of levels from 0 to 2^input_bits − 1

        Returns
        -------
        uint8 array, shape (N, features): bits or intensities; or int32 scores

        Raises
        ------
        ValueError
            If the images have another shape or type, or too large a level.
        RuntimeError
            If the accelerator counts a frame of a wrong form, whose results are then none.
        """
        if images.shape[1:] != SHAPE or images.dtype != np.uint8:
            raise ValueError(
                f"images must be uint8 of shape (N, {', '.join(map(str, SHAPE))}), not "
                f"{images.dtype} of {images.shape}"
            )
        if images.size and int(images.max()) >> self.bits_in:
            raise ValueError(f"an element has {self.bits_in} bits, {images.max()} is more")
        before = self.registers.read(FRAMING_ERRORS)
        starts = range(0, len(images), self.batch)
        parts = [self._transfer(images[start : start + self.batch]) for start in starts]
        if self.registers.read(FRAMING_ERRORS) != before:
            self.recover()
            raise RuntimeError("the accelerator dropped a frame of a wrong form")
        return (
            np.concatenate(parts) if parts else self._decoded(self._results[:0, : self.bytes_out])
        )

    def _transfer(self, images: np.ndarray) -> np.ndarray:
        """One frame of images, and the frame of their results."""
        count = len(images)
        flat = images.reshape(count, -1)
        if self.bits_in == 1:
            flat = np.packbits(flat, axis=1, bitorder="little")
        self._images[:count, : self.bytes_in] = flat
        self.registers.write(BATCH, count)
        # A frame ends with the last byte of its last image, where its row does not.
        given, taken = self._frame(self._images, count, self.bytes_in), None
        taken = self._frame(self._results, count, self.bytes_out)
        self.dma.recvchannel.transfer(self._results, 0, taken)
        self.dma.sendchannel.transfer(self._images, 0, given)
        self.dma.sendchannel.wait()
        self.dma.recvchannel.wait()
        return self._decoded(np.array(self._results[:count, : self.bytes_out]))

    @staticmethod
    def _frame(rows: Any, count: int, used: int) -> int:
        """Bytes of a frame of so many rows, of whose last only the used ones count."""
        return (count - 1) * int(rows.shape[1]) + used

    def _decoded(self, rows: np.ndarray) -> np.ndarray:
        rows = np.ascontiguousarray(rows)
        if self.bits_out == 32:
            return rows.view("<i4").astype(np.int32)
        if self.bits_out == 8:
            return rows
        return np.unpackbits(rows, axis=1, count=ELEMENTS_OUT, bitorder="little")

    def recover(self) -> None:
        """After a transfer that was given up: an empty pipeline, and counters from 0."""
        self.registers.write(CONTROL, SOFT_RESET | CLEAR_COUNTERS)
