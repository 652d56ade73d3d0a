"""What stands around a module or on it: wrappers that are taken off, hooks that are refused."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from bitlight.errors import FreezingError


def unwrap(module: nn.Module) -> nn.Module:
    """The module within `torch.compile`, DataParallel and DistributedDataParallel.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> unwrap(nn.DataParallel(layer)) is layer
    True
    """
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif _is_compiled(module):
            module = module._orig_mod  # type: ignore[assignment]
        else:
            return module


def eager() -> AbstractContextManager[Any]:
    """What `torch.compile` has made runs as it was written, for as long as the block does."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


def _is_compiled(module: nn.Module) -> bool:
    compiler = sys.modules.get("torch._dynamo.eval_frame")  # slow to import, and only for this
    return compiler is not None and isinstance(module, compiler.OptimizedModule)


def check_readable(module: nn.Module) -> None:
    """Raise FreezingError where the layers are not all that the module computes.

    Forward hooks and replaced `forward` methods can do anything, and so can parametrizations; hooks
    of the backward pass and of the state dict change no output.

    Raises
    ------
    FreezingError
        With the name of the module and of the hook, and how to do without where there is a way.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise FreezingError("a ScriptModule cannot be read: give the module it was made of")
    for name, part in module.named_modules():
        where = f"{name or 'the module'} ({type(part).__name__})"
        for reason in _on(part):
            raise FreezingError(f"{where}: {reason}")
    for kind, hooks in (
        ("forward hook", nn.modules.module._global_forward_hooks),
        ("forward pre-hook", nn.modules.module._global_forward_pre_hooks),
    ):
        for hook in hooks.values():
            raise FreezingError(f"{_name(hook)} is a {kind} of all modules: remove it first")
    tensors = [*module.named_parameters(), *module.named_buffers()]
    for name, tensor in tensors:
        if tensor.is_meta:
            raise FreezingError(f"{name} is on the meta device, which keeps no values: load it")


def _on(part: nn.Module) -> Iterator[str]:
    if parametrize.is_parametrized(part):
        for name, stack in part.parametrizations.items():  # type: ignore[union-attr,operator]
            kinds = ", ".join(type(step).__name__ for step in stack)
            yield (
                f"{name} has a parametrization, {kinds}: call torch.nn.utils.parametrize."
                f"remove_parametrizations(module, {name!r}) first"
            )
    for kind, hooks in (
        ("forward pre-hook", part._forward_pre_hooks),
        ("forward hook", part._forward_hooks),
    ):
        for hook in hooks.values():
            yield f"has a {kind}, {_name(hook)}, {_instead(hook)}"
    if "forward" in vars(part) and unwrap(part) is part:
        yield f"its forward was replaced by {_name(part.forward)}: make it a method of a class"


def _instead(hook: object) -> str:
    if isinstance(hook, prune.BasePruningMethod):
        return f"of prune: call torch.nn.utils.prune.remove(module, {hook._tensor_name!r}) first"
    if isinstance(hook, WeightNorm):
        return f"call torch.nn.utils.remove_weight_norm(module, {hook.name!r}) first"
    if isinstance(hook, SpectralNorm):
        return f"call torch.nn.utils.remove_spectral_norm(module, {hook.name!r}) first"
    return "which may change what it computes: remove it first"


def _name(hook: object) -> str:
    return getattr(hook, "__qualname__", None) or type(hook).__name__
