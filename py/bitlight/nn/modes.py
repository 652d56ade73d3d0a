"""Eval mode for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put `module` into eval mode, and each part of it back into its own mode afterwards.

    Examples
    --------
    >>> module = nn.Sequential(nn.Dropout())
    >>> with evaluating(module):
    ...     module[0].training
    False
    >>> module[0].training
    True
    """
    modes = {part: part.training for part in module.modules()}
    try:
        module.eval()
        yield
    finally:
        for part, training in modes.items():
            part.training = training
