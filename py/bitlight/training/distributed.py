"""Several processes that train one network together, as `torchrun` starts them."""

import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

# Its functions keep, as a default, the process group that exists when they are imported. Imported
# by DistributedDataParallel they would keep ours until Python ends, and threads of gloo with it,
# which abort a process that ends (torch 2.13).
import torch.distributed.nn.functional
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@contextmanager
def team_of_torchrun(device: str) -> Iterator[str]:
    """Join the processes that `torchrun` started; without it nothing happens.

    Parameters
    ----------
    device : str
        "cuda" becomes the GPU of this process.

    Yields
    ------
    str
        The device of this process.
    """
    if "WORLD_SIZE" not in os.environ:
        yield device
        return
    own = f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device
    if device == "cuda":
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield own
    finally:
        gc.collect()  # modules that still hold the group
        distributed.destroy_process_group()


class Team:
    """The processes of torch's default process group; one alone where there is none.

    Attributes
    ----------
    rank, size : int
    """

    def __init__(self) -> None:
        together = distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if together else 0
        self.size = distributed.get_world_size() if together else 1

    @property
    def leads(self) -> bool:
        """Whether this process writes checkpoints, logs and the progress bar."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module whose backward pass averages gradients over the team."""
        return module if self.size == 1 else DistributedDataParallel(module)

    def unsynchronised(self, wrapped: nn.Module) -> AbstractContextManager[None]:
        """Backward passes within it keep their gradients to themselves."""
        if isinstance(wrapped, DistributedDataParallel):
            return wrapped.no_sync()
        return nullcontext()

    def mean(self, value: float) -> float:
        """A number averaged over the team."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        if distributed.get_backend() == "nccl":
            total = total.cuda()
        distributed.all_reduce(total)
        return total.item() / self.size
