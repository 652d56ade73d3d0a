"""Faults: the same one in a network and in its Verilog."""

import re
from dataclasses import replace

import numpy as np

from bitlight import Conv2d, Linear, Network
from bitlight_hw import Accelerator


def flip_weight(acc: Accelerator, index: int, output: int, element: int) -> tuple[Network, str]:
    """Flip one weight bit; gives the faulty network, and the Verilog with one changed ROM bit."""
    layer = acc.net.layers[index]
    weight = layer.weight.copy()
    weight.reshape(len(weight), -1)[output, element] ^= True
    unit = acc.units[f"layer{index}_matvec"]
    place = output // unit.pe * unit.synapse_folds + element // unit.simd
    verilog = _flip_rom(
        acc.verilog(), index, f"weight{output % unit.pe}", place, element % unit.simd
    )
    return _with_layer(acc.net, index, replace_arrays(layer, weight=weight)), verilog


def flip_start(acc: Accelerator, index: int, output: int, bit: int) -> tuple[Network, str] | None:
    """Flip a bit of what an accumulator starts from; None where no threshold stands for that."""
    layer = acc.net.layers[index]
    unit = acc.units[f"layer{index}_matvec"]
    reach = acc.net.reach(index)
    limit = int(np.clip((reach - int(layer.threshold[output])) // 2, -1, reach))
    width = int(2 * reach + 1).bit_length()
    faulty = -_signed((-limit - 1) & ((1 << width) - 1) ^ (1 << bit), width) - 1
    if not -1 <= faulty <= reach:
        return None
    threshold = layer.threshold.copy()
    threshold[output] = reach - 2 * faulty
    verilog = _flip_rom(acc.verilog(), index, f"start{output % unit.pe}", output // unit.pe, bit)
    return _with_layer(acc.net, index, replace_arrays(layer, threshold=threshold)), verilog


def replace_arrays(layer: Conv2d | Linear, **arrays: np.ndarray) -> Conv2d | Linear:
    if isinstance(layer, Linear):
        return replace(layer, **arrays)
    kept = {
        name: getattr(layer, name)
        for name in ("weight", "threshold", "stride", "padding", "pad_value")
    }
    return Conv2d(**kept | arrays)


def _with_layer(net: Network, index: int, layer: Conv2d | Linear) -> Network:
    layers = [*net.layers[:index], layer, *net.layers[index + 1 :]]
    return Network(net.input_shape, net.input_bits, layers)


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


def _flip_rom(verilog: str, index: int, rom: str, place: int, bit: int) -> str:
    """Change one bit of one word in the initial block of a ROM."""
    begin = verilog.index(f"module \\accelerator.layer{index}_matvec ")
    end = verilog.index("endmodule", begin)
    pattern = re.compile(rf"(\b{rom}\[{place}\] = \d+'h)([0-9a-f]+);")
    found = pattern.search(verilog, begin, end)
    assert found, f"no word {place} in {rom} of layer {index}"
    digits = found[2]
    word = f"{int(digits, 16) ^ (1 << bit):0{len(digits)}x}"
    return verilog[: found.start(2)] + word + verilog[found.end(2) :]
