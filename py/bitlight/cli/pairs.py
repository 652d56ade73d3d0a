"""What --folding says."""

from bitlight.errors import FoldingError
from bitlight.zoo.published import FOLDINGS


def pairs(network: str, folding: str) -> list[tuple[int, ...]]:
    """What --folding says: (PE, SIMD) of each layer that computes."""
    if folding == "published":
        name = network.partition(":")[0]
        if name not in FOLDINGS:
            raise FoldingError(f"foldings are published for {', '.join(FOLDINGS)}, not {network}")
        return [*FOLDINGS[name]]
    try:
        return [tuple(int(n) for n in pair.split(",")) for pair in folding.split("/")]
    except ValueError:
        raise FoldingError(f"--folding is written like 16,3/32,32, not {folding!r}") from None
