"""A design as registers, memories and gates of single bits."""

from dataclasses import dataclass, field

import numpy as np

from bitlight_sim.sliced.gates import ONE, ZERO, Gates


@dataclass(frozen=True, eq=False)
class Move:
    """What happens at a clock edge: q becomes d, or a word of a memory is read into q or becomes d.

    Attributes
    ----------
    d, q : tuples of nets
        A read has no d, and a write no q. Reads see what was there before the edge.
    enable, reset : nets
        With `reset`, q becomes `value` whatever `enable` is.
    value : tuple of int
    memory : int or None
        Index of the memory.
    address : tuple of nets
    """

    d: tuple[int, ...] = ()
    q: tuple[int, ...] = ()
    enable: int = ONE
    reset: int = ZERO
    value: tuple[int, ...] = ()
    memory: int | None = None
    address: tuple[int, ...] = ()


@dataclass(frozen=True)
class Named:
    """A signal of the design.

    Attributes
    ----------
    path : tuple of str
        Instances from the top on, without it, and the signal's name, as the Verilog has them.
    nets : tuple of nets, lowest bit first
    """

    path: tuple[str, ...]
    nets: tuple[int, ...]


@dataclass
class Netlist:
    """What a design's outputs depend on.

    Attributes
    ----------
    gates : Gates
    inputs, outputs : dict of str to tuple of nets
    moves : list of Move
    memories : list of bool arrays, shape (depth, width), what is in them at first
    raised : set of nets, of registers that are 1 at first
    signals : list of Named, where they are wanted
    owners : dict of net to path of the component that drives it, with these
    """

    gates: Gates = field(default_factory=Gates)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    memories: list[np.ndarray] = field(default_factory=list)
    raised: set[int] = field(default_factory=set)
    signals: list[Named] = field(default_factory=list)
    owners: dict[int, tuple[str, ...]] = field(default_factory=dict)
