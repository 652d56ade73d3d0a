"""Nodes that turn floats into codes: BipolarQuant, Quant, MultiThreshold; and annotated inputs."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx

from bitlight.errors import ExchangeError
from bitlight.qonnx.file import refusal
from bitlight.qonnx.imported import Code
from bitlight.qonnx.steps import INEXACT


@dataclass(frozen=True)
class Quantiser:
    """Floats to codes.

    Attributes
    ----------
    code : Code
    apply : function
        float32 array (..., channels) to uint8 codes.
    text : str
        For people.
    unused : int
        How many codes of that many bits lie below the least that it gives.
    """

    code: Code
    apply: Callable[[np.ndarray], np.ndarray]
    text: str
    unused: int = 0

    def of_input(self) -> "Quantiser":
        """The same floats as codes of whole bits, which is what a network takes."""
        code, unused = self.code, self.unused
        top, lowest = (1 << code.bits) - 1, code.lowest - code.gain * unused
        return replace(
            self,
            code=replace(code, top=top, lowest=lowest),
            apply=lambda x: self.apply(x) + np.uint8(unused),
            unused=0,
        )


def bipolar(node: onnx.NodeProto, scale: np.ndarray) -> Quantiser:
    """BipolarQuant: ±scale, + where x ≥ 0."""
    return Quantiser(
        Code(1, _scale(node, scale), gain=2, lowest=-1),
        lambda x: (x >= 0).astype(np.uint8),
        "x ≥ 0",
    )


def integer(
    node: onnx.NodeProto, attribute: dict[str, Any], scale: np.ndarray, zero: float, bits: float
) -> Quantiser:
    """Quant: round(x/scale + zero) from the lowest to the highest integer of that many bits.

    Where the scale is one for each channel, that of the code is 1.
    """
    signed, narrow = attribute.get("signed", 1), attribute.get("narrow", 0)
    if bits not in range(1, 9) or (bits == 1 and (signed or narrow)):
        raise refusal(node, f"must quantise to 1 to 8 bits, as BipolarQuant where ±1, not {bits:g}")
    if attribute.get("rounding_mode", b"ROUND").upper() not in (b"ROUND", b"HALF_EVEN"):
        raise refusal(node, "rounding_mode must be ROUND")
    if zero != int(zero) or abs(zero) > 1 << 8:
        raise refusal(node, f"its zero point must be an integer up to 256, not {zero:g}")
    if not (scale > 0).all():
        raise refusal(node, "its scale must be positive")
    step = scale.astype(np.float32) if scale.size > 1 else np.float32(scale.item())
    least = -(1 << int(bits) - 1) if signed else 0
    low, high = least + bool(signed and narrow), least + (1 << int(bits)) - 1
    high -= bool(narrow and not signed)

    def apply(x: np.ndarray) -> np.ndarray:
        return (np.rint(np.clip(x / step + np.float32(zero), low, high)) - low).astype(np.uint8)

    offset = f"{zero:+g}" if zero else ""
    divisor = "scale" if step.ndim else f"{step:.6g}"
    text = f"round(x / {divisor}{offset}) from {low} to {high}" + (f", + {-least}" * (least < 0))
    code = Code(high - low, 1.0 if step.ndim else float(step), 1, low - int(zero))
    return Quantiser(code, apply, text, unused=low - least)


def threshold(
    node: onnx.NodeProto, attribute: dict[str, Any], steps: np.ndarray, channels: int
) -> Quantiser:
    """MultiThreshold: how many of each channel's thresholds are reached, or of all channels'."""
    if steps.ndim != 2 or steps.shape[0] not in (1, channels) or not 1 <= steps.shape[1] <= 255:
        raise refusal(
            node,
            f"must have 1 to 255 thresholds for each of {channels} channels, not {steps.shape}",
        )
    scale, bias = attribute.get("out_scale", 1.0), attribute.get("out_bias", 0.0)
    if not np.isfinite([scale, bias]).all() or scale <= 0 or not (2 * bias / scale).is_integer():
        raise refusal(
            node,
            f"out_scale s > 0 and an out_bias of whole s/2 are read, not {scale:g} and {bias:g}",
        )
    top, halves = steps.shape[1], int(2 * bias / scale)
    if abs(halves) + 2 * top >= INEXACT:
        raise refusal(
            node, f"an out_bias of {bias:g} makes steps of {scale:g} too small for float32"
        )
    code = Code(top, scale / 2, 2, halves) if halves % 2 else Code(top, scale, 1, halves // 2)
    limits = steps.astype(np.float32)

    def apply(x: np.ndarray) -> np.ndarray:
        return (x[..., np.newaxis] >= limits).sum(-1).astype(np.uint8)

    text = "x ≥ threshold" if top == 1 else f"how many of {top} thresholds x reaches"
    return Quantiser(code, apply, text)


def annotated(graph: onnx.GraphProto, name: str) -> Quantiser | None:
    """The integer type that QONNX annotates a tensor with, where it has one of up to 8 bits."""
    kinds = [
        entry.value
        for annotation in graph.quantization_annotation
        for entry in annotation.quant_parameter_tensor_names
        if annotation.tensor_name == name and entry.key == "finn_datatype"
    ]
    kind = kinds[-1] if kinds else "FLOAT32"
    found = re.fullmatch("(U?)INT([2-8])", kind)
    if kind == "BIPOLAR":
        code = Code(1, 1.0, 2, -1)
    elif kind == "BINARY":
        code = Code(1, 1.0, 1, 0)
    elif found:
        bits = int(found[2])
        code = Code((1 << bits) - 1, 1.0, 1, 0 if found[1] else -(1 << bits - 1))
    else:
        return None

    def apply(x: np.ndarray) -> np.ndarray:
        u = (x - code.lowest) / code.gain
        if not ((u >= 0) & (u <= code.top) & (u == np.rint(u))).all():
            raise ExchangeError(f"the graph takes values of {kind} alone")
        return u.astype(np.uint8)

    return Quantiser(code, apply, f"{kind} as it is")


def _scale(node: onnx.NodeProto, scale: np.ndarray) -> float:
    if scale.size != 1 or not scale.item() > 0:
        raise refusal(node, "its scale must be one positive number")
    return float(scale.item())
