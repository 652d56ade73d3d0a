"""How large networks are that a head stands beside."""

from typing import Any

from bitlight.network.network import Network
from bitlight.network.summary import summarize


def sizes(net: Network, used: int, head_parameters: int) -> list[dict[str, Any]]:
    """Parameters and bytes of the extractor and of the whole network, as bits and as floats.

    A float network has a 32-bit float for each weight and for each threshold, which is its bias
    with batch norm folded in; the head comes after it, in floats. As bits a threshold takes 32.

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
        figures = summarize(network)
        floats = f"{what}{' and head' if further else ''}, float32"
        total = sum(some.count for some in figures.parameters)
        rows += [
            {
                "what": f"{what}, bits",
                "parameters": total,
                "bytes": -(-figures.memory_bits // 8),
            },
            {"what": floats, "parameters": total + further, "bytes": 4 * (total + further)},
        ]
    return rows
