"""The rules of a stream, watched on links: what every simulation and every proof holds them to."""

from collections.abc import Mapping
from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

# What the message of a broken rule begins with, so that it is found in a simulator's output.
BROKEN = "stream rule broken"


class StreamRules(wiring.Component):
    """valid & ~ready → in the next cycle valid again, with the same payload; on each of some links.

    The assertions come two cycles later and from registers alone, a bit for each link, so that a
    simulator has little to work out. A reset forgets the offers.

    `waiting` and `moved` tell, one cycle later, on which links a beat was offered and not taken,
    and on which one passed.

    Parameters
    ----------
    widths : mapping of str to int
        Name of each link, as messages call it, and bits of its payload.
    """

    valid: Any
    ready: Any
    waiting: Any
    moved: Any

    def __init__(self, widths: Mapping[str, int]) -> None:
        self.names = list(widths)
        count = len(widths)
        super().__init__(
            {
                "valid": In(count),
                "ready": In(count),
                **{f"payload{index}": In(width) for index, width in enumerate(widths.values())},
                "waiting": Out(count),
                "moved": Out(count),
            }
        )

    def payload(self, index: int) -> Any:
        """The payload of a link."""
        return getattr(self, f"payload{index}")

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        valid = Signal.like(self.valid)
        ready = Signal.like(self.ready, reset_less=True)
        before = Signal.like(self.waiting)
        changed = []
        for index in range(len(self.names)):
            offered = Signal.like(self.payload(index), name=f"offered{index}", reset_less=True)
            earlier = Signal.like(self.payload(index), name=f"earlier{index}", reset_less=True)
            # Payloads may be costly to work out where nothing is offered.
            with m.If(self.valid[index]):
                m.d.sync += offered.eq(self.payload(index))
            m.d.sync += earlier.eq(offered)
            changed.append(offered != earlier)
        broken = Signal.like(self.waiting)
        m.d.sync += [valid.eq(self.valid), ready.eq(self.ready), before.eq(self.waiting)]
        m.d.comb += [
            self.waiting.eq(valid & ~ready),
            self.moved.eq(valid & ready),
            broken.eq(before & (~valid | Cat(changed))),
        ]
        with m.If(broken.any()):
            for index, name in enumerate(self.names):
                message = f"{BROKEN} on {name}: a beat that waited was withdrawn or changed\n"
                m.d.sync += Assert(~broken[index], message)
        return m


def watch(m: Module, rules: Any, index: int, link: Any) -> None:
    """Hold a stream to the rules, which are given by their ports."""
    m.d.comb += [
        rules.valid[index].eq(link.valid),
        rules.ready[index].eq(link.ready),
        getattr(rules, f"payload{index}").eq(link.payload),
    ]
