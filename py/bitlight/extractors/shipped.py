"""Loading the networks that come with bitlight; each has a model card beside its file."""

from pathlib import Path

from bitlight.errors import NetworkError
from bitlight.network.network import Network

# How many layers of each network give the features. Those behind know the training classes and
# transfer worse; natural32 has none.
CUTS = {"fashion28": 7, "fashion32": 6, "natural32": 8, "cifar32": 6}
FOLDER = Path(__file__).parent


def load(name: str = "fashion28") -> Network:
    """Load a whole network, its own binary classifier included.

    Raises
    ------
    NetworkError
        If there is no network of that name.

    Examples
    --------
    >>> load().input_shape, load().n_features
    ((28, 28, 1), 10)
    """
    if name not in CUTS:
        raise NetworkError(f"name must be one of {', '.join(sorted(CUTS))}, not {name!r}")
    return Network.load(FOLDER / f"{name}.bnn")


def features(name: str = "fashion28") -> Network:
    """Load the layers of a network that give the features: `load(name).upto(CUTS[name])`.

    Raises
    ------
    NetworkError
        If there is no network of that name.

    Examples
    --------
    >>> features("fashion28").n_features, features("natural32").n_features
    (2400, 16384)
    """
    return load(name).upto(CUTS[name])
