"""Brevitas' own binary networks, with batch norm of all kinds, and what they compute."""

import contextlib
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

# What Brevitas and torch's exporters say of themselves as they are used.
_SAID = (
    "brevitas.fx is deprecated",
    "fast_hadamard_transform package not found",
    "You are using the legacy TorchScript-based ONNX export",
)


@contextlib.contextmanager
def silent():
    """Without the warnings that are known, and no others."""
    with warnings.catch_warnings():
        for message in _SAID:
            warnings.filterwarnings("ignore", message)
        yield


def topology(name, seed):
    """TFC, SFC, LFC or CNV, _1W1A, _1W2A or _2W2A, with random weights and batch norm."""
    with silent():
        from brevitas_examples.bnn_pynq.models import model_with_cfg

        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            module, _ = model_with_cfg(name, pretrained=False)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            _spread(part, generator)
        elif type(part).__name__ == "TensorNorm":
            part.running_mean.fill_(-1.7)
            part.running_var.fill_(311.0)
            part.weight.data.fill_(0.37)
            part.bias.data.fill_(-0.21)
    return module.eval()


def _spread(norm, generator):
    """Gains of both signs, zero and tiny; means that sums meet, so that there are exact ties."""
    kinds = torch.arange(norm.num_features) % 8
    gain = torch.randn(len(kinds), generator=generator)
    bias = torch.randn(len(kinds), generator=generator)
    gain[kinds == 0] = 0
    gain[kinds == 1] *= 1e-30
    bias[(kinds == 3) | (torch.arange(len(kinds)) % 16 == 0)] = 0
    norm.weight.data, norm.bias.data = gain, bias
    norm.running_mean = 2.0 * torch.randint(-8, 9, (len(kinds),), generator=generator)
    norm.running_var = torch.rand(len(kinds), generator=generator) * 400


def image_shape(name):
    """Of one image: (C, H, W)."""
    return (3, 32, 32) if name.startswith("CNV") else (1, 28, 28)


def export(module, path, name, **options):
    """Let Brevitas write QONNX."""
    with silent():
        from brevitas.export import export_qonnx

        image = torch.rand(1, *image_shape(name))
        export_qonnx(module, image, export_path=str(path), verbose=False, **options)


def imported(name, seed=1):
    """Brevitas' network of that name as bitlight reads it: `.network`, `.input.encode`."""
    from bitlight.qonnx import import_qonnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.onnx")
        export(topology(name, seed), path, name)
        return import_qonnx(path)


@torch.no_grad()
def run(module, x):
    """The last layer's integer scores, the output, and how many sums met a mean exactly."""
    scores, ties = [], []
    last = [part for part in module.modules() if type(part).__name__ == "QuantLinear"][-1]
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm1d)]
    hooks = [last.register_forward_hook(lambda part, taken, given: scores.append(given))]
    for norm in norms:
        hooks.append(
            norm.register_forward_hook(
                lambda part, taken, given: ties.append(
                    int((taken[0] == part.running_mean)[:, part.bias == 0].sum())
                )
            )
        )
    output = module(torch.tensor(x)).numpy()
    for hook in hooks:
        hook.remove()
    return np.rint(scores[0].numpy()).astype(np.int32), output, sum(ties)
