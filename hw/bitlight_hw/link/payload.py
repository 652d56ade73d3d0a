"""Images and results as the bytes of a frame, in the order of `bitlight_hw.axi.frames.Frames`."""

import numpy as np

from bitlight import bits
from bitlight_hw.axi.frames import SCORE_BYTES, Frames
from bitlight_hw.link.meter import TRAILER_BYTES


def to_bytes(images: np.ndarray, frames: Frames) -> np.ndarray:
    """Images as payloads.

    Parameters
    ----------
    images : uint8 array, shape (N, ...)

    Returns
    -------
    uint8 array, shape (N, frames.bytes)
    """
    flat = np.ascontiguousarray(images, np.uint8).reshape(len(images), -1)
    return bits.pack(flat) if frames.bits == 1 else flat


def from_bytes(results: np.ndarray, frames: Frames) -> np.ndarray:
    """Payloads of results, without what is behind them.

    Parameters
    ----------
    results : uint8 array, shape (N, frames.bytes)

    Returns
    -------
    uint8 array of bits or intensities, shape (N, elements), or int32 scores
    """
    if frames.beats.signed:
        return np.ascontiguousarray(results).view(f"<i{SCORE_BYTES}").astype(np.int32)
    return bits.unpack(results, frames.lanes) if frames.bits == 1 else results


def result_bytes(features: np.ndarray, frames: Frames) -> np.ndarray:
    """Payloads of results, without what is behind them: the other way of `from_bytes`.

    Parameters
    ----------
    features : uint8 or int32 array, shape (N, elements)

    Returns
    -------
    uint8 array, shape (N, frames.bytes)
    """
    if frames.beats.signed:
        return features.astype(f"<i{SCORE_BYTES}").view(np.uint8)
    return bits.pack(features) if frames.bits == 1 else features


def split(payload: bytes) -> tuple[bytes, int, int]:
    """(result, cycles of the image, cycle of its end) of an answer to RUN."""
    result, trailer = payload[:-TRAILER_BYTES], payload[-TRAILER_BYTES:]
    return result, int.from_bytes(trailer[:4], "little"), int.from_bytes(trailer[4:], "little")
