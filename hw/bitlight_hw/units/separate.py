"""Components as modules of their own: their text depends on nothing around them."""

from typing import Any

from amaranth import Module, ResetInserter, Value


def separate(
    m: Module, platform: Any, name: str, component: Any, restart: Value | None = None
) -> Any:
    """Put a component into a module, and give what has its ports, to connect them by.

    That is the component itself; but a platform that writes Verilog makes a module of the component
    alone, and puts an instance of that here. For Amaranth converts a hierarchy at once and numbers
    what passes from one module to another through the whole design, where a module that is made by
    itself has the ports that the component declares, and one text whatever is around it.

    Parameters
    ----------
    platform : what `m` is elaborated for
    name : str, of the instance; the module is called after it and what it is in
    component : Amaranth component
    restart : one bit, optional, that resets it beside the reset of the domain
    """
    if hasattr(platform, "instance"):
        ports = component.signature.create(path=(name,))
        m.submodules[name] = platform.instance(name, component, ports, restart)
        return ports
    m.submodules[name] = component if restart is None else ResetInserter(restart)(component)
    return component
