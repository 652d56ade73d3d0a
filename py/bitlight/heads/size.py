"""How large networks are that a head stands beside."""

from typing import Any

from bitlight.network.layers import Conv2d, Linear
from bitlight.network.network import Network


def sizes(net: Network, used: int, head_parameters: int) -> list[dict[str, Any]]:
    """Parameters and bytes of the extractor and of the whole network, as bits and as floats.

    A float network has a 32-bit float for each weight and for each threshold, which is its bias
    with batch norm folded in; the head stands behind it as floats. As bits a threshold takes 32.

    Parameters
    ----------
    net : Network
        The whole network, its own classifier included.
    used : int
        Layers that give the features.
    head_parameters : int

    Returns
    -------
    list of dict with `what`, `parameters` and `bytes`

    Examples
    --------
    >>> from bitlight import extractors
    >>> for row in sizes(extractors.load(), 7, 24010):
    ...     print(row["what"], row["bytes"])
    extractor, bits 16164
    extractor and head, float32 577576
    whole network, bits 94308
    whole network, float32 2950400
    """
    rows = []
    for what, network, further in (
        ("extractor", net.upto(used), head_parameters),
        ("whole network", net, 0),
    ):
        weights, thresholds = _parameters(network)
        floats = f"{what}{' and head' if further else ''}, float32"
        total = weights + thresholds
        rows += [
            {
                "what": f"{what}, bits",
                "parameters": total,
                "bytes": -(-weights // 8) + 4 * thresholds,
            },
            {"what": floats, "parameters": total + further, "bytes": 4 * (total + further)},
        ]
    return rows


def _parameters(net: Network) -> tuple[int, int]:
    """Weights, and thresholds or biases: a classifier's scores have none."""
    layers = [layer for layer in net.layers if isinstance(layer, Conv2d | Linear)]
    thresholds = [len(layer.weight) for layer in layers if layer.threshold is not None]
    return sum(layer.weight.size for layer in layers), sum(thresholds)
