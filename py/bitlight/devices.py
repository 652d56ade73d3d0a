"""The device that a user names, checked before any work is done for it."""

import torch

from bitlight.errors import BitlightError


def check_device(name: str | torch.device, error: type[BitlightError]) -> torch.device:
    """The device of that name, which this torch can use here.

    Parameters
    ----------
    name : str or torch.device
        As torch names it: "cpu", "cuda", "cuda:1".
    error : type of BitlightError
        What is raised.

    Raises
    ------
    BitlightError
        If torch has no such device, or nothing can be kept on it.

    Examples
    --------
    >>> check_device("cpu", BitlightError)
    device(type='cpu')
    """
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise error(f"device must be cpu, cuda or cuda:N, not {name!r}") from None
    if device.type == "meta":
        raise error(f"device {str(device)!r} keeps shapes alone, no values: take cpu or cuda")
    if device.type == "cuda":
        _check_cuda(device, error)
    try:
        torch.empty(1, device=device)
    except (RuntimeError, NotImplementedError, AssertionError):
        raise error(f"device {str(device)!r} cannot be used by this torch here: take cpu") from None
    return device


def _check_cuda(device: torch.device, error: type[BitlightError]) -> None:
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not found:
        built = torch.version.cuda is not None or torch.version.hip is not None
        why = "torch finds no GPU" if built else f"torch {torch.__version__} is built without CUDA"
        raise error(f"device {str(device)!r} is not there, {why}: take cpu")
    if (device.index or 0) >= found:
        raise error(f"device {str(device)!r} is not there: the last one is cuda:{found - 1}")
