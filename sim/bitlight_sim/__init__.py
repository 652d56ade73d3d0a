"""RTL simulation of an accelerator: natively compiled, and under cocotb."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bitlight_sim.simulator import Run, Simulator

__all__ = ["Run", "Simulator"]


def __getattr__(name: str) -> Any:
    # Late, because each simulator that runs a cocotb bench would pay for it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bitlight_sim import simulator

    return getattr(simulator, name)
