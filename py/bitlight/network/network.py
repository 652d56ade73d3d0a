"""A binary network as integers and bits alone: the one description of what is computed."""

import os
from functools import cached_property
from typing import Literal

import numpy as np

from bitlight.errors import NetworkError
from bitlight.kernels import forks  # noqa: F401, notes every fork from here on
from bitlight.network import file
from bitlight.network.graph import Graph
from bitlight.network.surroundings import encode

Engine = Literal["packed", "plain"]


class Network(Graph):
    """A feed-forward binary network; the golden model and the hardware are readings of it.

    Parameters
    ----------
    input_shape : (H, W, C) or (n,)
    input_bits : int, 1 to 8
        Bits of a pixel. 1: the input is bits and the first layer is a binary layer.
    layers : sequence of Conv2d, Linear, MaxPool2d
        A Linear without thresholds gives integer scores and must be the last.
    codes : uint8 array, shape (256,) or (C, 256), optional
        The code of each value of an 8-bit pixel, where that is not its upper bits: what a trained
        network does to pixels before its first layer. See `encode`.
    output_scale : OutputScale, optional
        What a trained network does to its scores: see `logits`. For networks that give scores.

    Attributes
    ----------
    work : int
        Products of an image in all layers, and the bits that its pools look at.

    Raises
    ------
    NetworkError
        If a layer does not fit behind the one before, or the network is too large: `MOST_VALUES`
        between two layers, padding included, `MOST_WORK` products for an image. The message names
        the layer.

    Examples
    --------
    >>> from bitlight import Linear
    >>> net = Network((4,), 1, [Linear(np.array([[True, True, False, False]]), np.array([2]))])
    >>> net.forward(np.array([[1, 1, 0, 1], [0, 1, 1, 1]], dtype=np.uint8))
    array([[1],
           [0]], dtype=uint8)
    """

    def upto(self, k: int | str) -> "Network":
        """The network of the first `k` layers, or of a node of that name and what it needs.

        Raises
        ------
        NetworkError
            If there are not so many, or no node has that name.
        """
        if isinstance(k, str):
            known = {node.name: node for node in self.nodes}
            if k not in known:
                raise NetworkError(f"no node {k!r:.80}; there are {', '.join(known)}")
            last = k
        elif not 1 <= k <= len(self.nodes):
            raise NetworkError(f"upto must be 1 to {len(self.layers)} layers, not {k}")
        else:
            last = self.nodes[k - 1].name
        if last == self.nodes[-1].name:
            return self
        form = self.input_shape, self.input_bits
        if self.is_chain and self.nodes[0].name == "0":
            number = next(i for i, node in enumerate(self.nodes, 1) if node.name == last)
            return Network(*form, self.layers[:number], codes=self.codes)
        needed = self.needed_for(last)
        kept = {n.name: (n.layer, *n.inputs) for n in self.nodes if n.name in needed}
        return Network(*form, kept, codes=self.codes)

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """Turn 8-bit pixels into the codes that `forward` takes.

        Parameters
        ----------
        pixels : uint8 array, shape (N, H, W, C) or (N, n)

        Returns
        -------
        uint8 array of the same shape
            By the table `codes`, or the upper `input_bits` of each pixel where there is none.

        Raises
        ------
        NetworkError
            If the images have another shape or dtype.
        """
        self._check_form(pixels)
        return encode(pixels, self.codes, self.input_bits)

    def logits(self, scores: np.ndarray) -> np.ndarray:
        """Turn the scores that `forward` gives into what the trained network gave: float64.

        Raises
        ------
        NetworkError
            If the network gives bits.
        """
        if not self.gives_scores:
            raise NetworkError("the network gives bits: a head makes classes of them")
        if self.output_scale is None:
            return scores.astype(np.float64)
        return self.output_scale.logits(scores)

    def classify(self, x: np.ndarray) -> np.ndarray:
        """Number of the best class for each of the images that `forward` takes, int64 (N,)."""
        return self.logits(self.forward(x)).argmax(axis=1)

    def forward(
        self, x: np.ndarray, upto: int | str | None = None, *, engine: Engine = "packed"
    ) -> np.ndarray:
        """Compute the golden output.

        Parameters
        ----------
        x : uint8 array, shape (N, H, W, C) or (N, n)
        upto : int or str, optional
            Stop after that many layers, or after the node of that name.
        engine : "packed" or "plain"
            XNOR-popcount on packed words, or plain NumPy that reads like the arithmetic.

        Returns
        -------
        uint8 array of 0/1, shape (N, features), or int32 scores

        Raises
        ------
        NetworkError
            If the images have another shape, dtype or range than the network takes.
        """
        self.check_images(x)
        if upto is not None:
            return self.upto(upto).forward(x, engine=engine)
        if engine == "packed":  # late, because it imports Numba
            from bitlight.network.golden import packed as golden
        elif engine == "plain":
            from bitlight.network.golden import plain as golden  # type: ignore[no-redef]
        else:
            raise NetworkError(f"engine must be 'packed' or 'plain', not {engine!r}")
        return golden.forward(self, x)

    def check_images(self, x: np.ndarray) -> None:
        """Raise NetworkError unless `x` is a batch of images as this network takes them."""
        self._check_form(x)
        top = (1 << self.input_bits) - 1
        if self.input_bits < 8 and x.size and x.max() > top:
            raise NetworkError(
                f"images must have values of 0 to {top}, not {x.max()}: `encode` makes them of "
                "8-bit pixels"
            )

    def _check_form(self, x: np.ndarray) -> None:
        if not isinstance(x, np.ndarray) or x.dtype != np.uint8:
            kind = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
            raise NetworkError(f"images must be a uint8 array, not {kind}")
        if x.shape[1:] != self.input_shape:
            wanted = ", ".join(map(str, self.input_shape))
            raise NetworkError(f"images must have the shape (N, {wanted}), not {x.shape}")

    @cached_property
    def id(self) -> str:
        """SHA-256 over all that the network computes, as 64 hexadecimal digits."""
        return file.digest(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a .bnn file: safetensors with a JSON header. Same network, same bytes."""
        file.save(self, self.id, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "Network":
        """Read a .bnn file.

        Raises
        ------
        NetworkError
            If the file is missing, truncated, altered, or of an unknown version.
        """
        net, recorded = file.load(path, Network)
        if net.id != recorded:
            raise NetworkError(
                f"{path} was altered: its content is {net.id}, its header says {recorded!r:.80}"
            )
        return net

    def __repr__(self) -> str:
        return (
            f"<Network {self.id[:12]} {self.input_shape} of {self.input_bits} bits, "
            f"{len(self.layers)} layers, {self.n_features} features>"
        )
