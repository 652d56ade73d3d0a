"""What a text of Verilog says of itself: what it computes, how to talk to it, how to place it."""

import textwrap
from importlib import metadata
from typing import Any

from bitlight_hw import family as families
from bitlight_hw.stages import Beats

COLUMNS = 96


def accelerator(acc: Any, target: str) -> str:
    """The heading of an accelerator with bare streams.

    Parameters
    ----------
    acc : Accelerator
    target : str, that the text is written for
    """
    rows = [
        *_identity(acc, target),
        ("input", _beats("i__payload", acc.beats_in, "image")),
        ("output", _beats("o__payload", acc.beats_out, "result")),
        ("timing", _timing(acc.cycles_per_image, acc.latency, "beat")),
        ("clock", "everything happens at the rising edge of clk"),
        ("reset", f"rst, synchronous, active high; one cycle is enough{_first(target)}"),
        (
            "handshake",
            "a beat moves in each cycle in which valid and ready are both 1; a beat that is offered"
            " stays, unchanged, until it is taken; images follow each other without a mark",
        ),
    ]
    ports = [
        *("clk", "rst", "i__payload", "i__valid", "i__ready"),
        *("o__payload", "o__valid", "o__ready"),
    ]
    return _heading("accelerator", rows, ports)


def bus(axi: Any, target: str) -> str:
    """The heading of an accelerator behind AXI.

    Parameters
    ----------
    axi : AxiAccelerator
    target : str, that the text is written for
    """
    frames = (("s_axis", axi.frames_in), ("m_axis", axi.frames_out))
    rows = [
        *_identity(axi.acc, target),
        *(
            (
                name,
                f"AXI4-Stream, {axi.data_bits} bits; {f.bytes} bytes for each image, elements of "
                f"{f.bits} bits in (h, w, c) order; a frame is one image, or as many as register "
                "BATCH says",
            )
            for name, f in frames
        ),
        ("s_axil", "AXI4-Lite, the registers in docs/axi.md"),
        ("timing", _timing(axi.cycles_per_image, axi.latency, "word")),
        ("clock", "everything happens at the rising edge of clk"),
        ("reset", f"rst, synchronous, active high (rst = ~aresetn){_first(target)}"),
    ]
    return _heading("bitlight_axi", rows, [*axi.signature.members, "clk", "rst"])


def _first(target: str) -> str:
    return "" if families.named(target).starts else "; needed once before all else"


def _identity(acc: Any, target: str) -> list[tuple[str, str]]:
    layers = " ".join(
        f"{pe}x{simd}{'' if flow == 'output' else '*'}"
        for (pe, simd), flow in zip(acc.folding, acc.dataflow, strict=True)
    )
    rows = [
        ("network", acc.net.id),
        ("written by", f"bitlight {metadata.version('bitlight')}, for {target}; do not edit"),
        ("licence", "the text is Apache-2.0, as bitlight is; the weights are the network's"),
        ("folding", f"PE x SIMD of each layer that computes: {layers} (*: input-stationary)"),
    ]
    return rows if acc.projection is None else [*rows, ("projection", str(acc.projection))]


def _beats(payload: str, beats: Beats, what: str) -> str:
    shape = " x ".join(map(str, beats.shape))
    order = "(h, w, c) order" if len(beats.shape) == 3 else "order"
    element = f"{beats.bits} bit{'s' * (beats.bits > 1)}"
    kind = "two's complement" if beats.signed else "unsigned"
    place = (
        f"element j of a beat is {payload}[{beats.bits}*j +: {beats.bits}]"
        if beats.elements > 1 or beats.bits > 1
        else "a beat is one bit"
    )
    return (
        f"{shape} elements of {element}, {kind}, in {order}: {beats.count} beats for each {what}, "
        f"{beats.elements} elements in a beat, the first in the lowest bits; {place}"
    )


def _timing(interval: int, latency: int, unit: str) -> str:
    return (
        f"{interval} cycles for each image; {latency} from the first {unit} taken to the last "
        f"{unit} given, in an idle pipeline"
    )


def _heading(module: str, rows: list[tuple[str, str]], ports: list[str]) -> str:
    lines = [f"{module}: a binary neural network in hardware", ""]
    for name, said in rows:
        lines += textwrap.wrap(
            said, COLUMNS, initial_indent=f"{name:12}", subsequent_indent=12 * " "
        )
    lines += ["", "To place it:", "", f"  {module} extractor ("]
    lines += [f"    .{port}({port})," for port in ports[:-1]]
    return "\n".join([*lines, f"    .{ports[-1]}({ports[-1]})", "  );", "", ""])
