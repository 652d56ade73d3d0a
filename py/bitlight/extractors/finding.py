"""Which network gives the features that a head was trained on: by its id, never by its name."""

import os
from collections.abc import Iterator
from pathlib import Path

from bitlight.errors import HeadError, NetworkError
from bitlight.extractors.shipped import CUTS, features, load
from bitlight.network.network import Network


def extractor(name: str | os.PathLike[str] | Network) -> Network:
    """The layers that give features, of a shipped extractor, a .bnn file or a network.

    Parameters
    ----------
    name : str, path or Network
        fashion28 and the like, or a file; a last layer that gives scores is cut off.

    Raises
    ------
    NetworkError
        If there is neither.

    Examples
    --------
    >>> extractor("fashion28").n_features
    2400
    """
    if isinstance(name, Network):
        net = name
    elif str(name) in CUTS:
        return features(str(name))
    elif Path(name).is_file() or str(name).endswith(".bnn"):
        net = Network.load(name)
    else:
        raise NetworkError(
            f"no extractor {str(name)!r}: give a .bnn file, or one of {', '.join(CUTS)}"
        )
    return net.upto(len(net.layers) - 1) if net.gives_scores else net


def extractor_of(extractor_id: str | None, head: object, given: Network | None = None) -> Network:
    """The network of an id: a given one or its first layers, or one that comes with bitlight.

    Parameters
    ----------
    extractor_id : str or None
        As a head's file says it.
    head : object
        Which file that is, for messages.
    given : Network, optional
        Where it is none that comes with bitlight.

    Raises
    ------
    HeadError
        If no such network is known here, or the given one is another.

    Examples
    --------
    >>> from bitlight import extractors
    >>> net = extractors.features("fashion28")
    >>> extractor_of(net.id, None).n_features
    2400
    """
    if extractor_id is None:
        raise HeadError(f"{head} does not say for which extractor it was trained")
    for net in _shipped() if given is None else [given]:
        for layers in range(len(net.layers), 0, -1):
            cut = net.upto(layers)
            if cut.id == extractor_id:
                return cut
    what = f"{head} was trained for extractor {extractor_id[:12]}…"
    if given is None:
        raise HeadError(
            f"{what}, which is none of {', '.join(CUTS)}: give the .bnn file that it was trained on"
        )
    raise HeadError(f"{what}, not for {given.id[:12]}… or some of its layers")


def _shipped() -> Iterator[Network]:
    return (load(name) for name in CUTS)
