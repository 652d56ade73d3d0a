"""A step on a GPU, recorded once and then replayed: one launch where there were a thousand.

Small networks leave a GPU idle while Python launches their kernels; a CUDA graph launches all of
them at once (NVIDIA, "CUDA graphs"; PyTorch's `torch.cuda.graph`). Recorded and unrecorded steps
run the same kernels.
"""

from collections.abc import Callable

import torch

# Steps that are taken as they are before one is recorded: they settle what libraries choose.
BEFORE = 5

Work = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Captured:
    """A function of a batch on a GPU, replayed from its sixth call on.

    Parameters
    ----------
    work : callable of (pixels, labels), Tensors on the GPU
        Gives a Tensor on it. It must not wait for the GPU, and not depend on anything else that
        changes between calls but the contents of tensors.
    """

    def __init__(self, work: Work) -> None:
        self.work, self.calls = work, 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.batch: tuple[torch.Tensor, torch.Tensor] | None = None
        self.result = torch.empty(0)

    def __call__(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """What `work` gives; the Tensor is the caller's own."""
        if self.calls < BEFORE:
            self.calls += 1
            return self._beside(pixels, labels)
        if self.batch is None or self.graph is None:
            self.batch = pixels.clone(), labels.clone()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.result = self.work(*self.batch)
        for own, given in zip(self.batch, (pixels, labels), strict=True):
            own.copy_(given)
        self.graph.replay()
        return self.result.clone()

    def _beside(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """One call on a stream of its own, as recording asks for."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = self.work(pixels, labels)
        torch.cuda.current_stream().wait_stream(stream)
        return result
