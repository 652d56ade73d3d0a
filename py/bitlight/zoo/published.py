"""Foldings that FINN published for its topologies (Xilinx/finn-examples), as (PE, SIMD)."""

FOLDINGS: dict[str, list[tuple[int, int]]] = {
    "tfc": [(16, 49), (8, 8), (8, 8), (10, 8)],
    "sfc": [(64, 16), (64, 64), (64, 64), (10, 64)],
    "lfc": [(32, 49), (64, 32), (32, 64), (10, 8)],
    "cnv": [(16, 3), (32, 32), (16, 32), (16, 32), (4, 32), (1, 32), (1, 4), (1, 8), (5, 1)],
}
