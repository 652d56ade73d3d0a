"""The logits of a `LinearHead` as a torch module, and L-BFGS on them; needs torch."""

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn
from torch.nn.functional import linear

from bitlight.heads.descent import total_loss
from bitlight.heads.standard import Standard

ROWS = 4096
GRADIENT = 1e-4  # where L-BFGS stops, as scikit-learn's LogisticRegression


class Softmax(nn.Module):
    """Logits (B, classes) of features (B, features); of two classes the first has logit 0.

    Parameters
    ----------
    standard : Standard
    classes : int
    """

    mean: torch.Tensor
    inverse: torch.Tensor

    def __init__(self, standard: Standard, classes: int) -> None:
        super().__init__()
        outputs, features = (1 if classes == 2 else classes), len(standard.mean)
        self.weight = nn.Parameter(torch.zeros(outputs, features))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("mean", torch.tensor(standard.mean, dtype=torch.float32))
        self.register_buffer("inverse", torch.tensor(standard.inverse, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        scores = linear(x - self.mean, self.weight * self.inverse, self.bias)
        return torch.cat([torch.zeros_like(scores), scores], 1) if len(self.bias) == 1 else scores


def lbfgs(
    layer: Softmax,
    X: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    penalty: float,
    iterations: int,
    each: np.ndarray | None,
) -> None:
    """Minimise the penalised loss over all samples, in place."""
    parameters = [layer.weight, layer.bias]
    count = len(X) if each is None else each.sum()
    factors = torch.tensor(weights, dtype=torch.float32, device=layer.bias.device)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        _assign(parameters, flat)
        layer.zero_grad()
        total = 0.0
        for start in range(0, len(X), ROWS):
            rows = slice(start, start + ROWS)
            batch = torch.tensor(X[rows]).to(layer.bias.device).float()
            wanted = torch.from_numpy(labels[rows]).to(layer.bias.device)
            some = None if each is None else each[rows]
            part = total_loss(layer(batch), wanted, factors, some) / count
            part.backward()
            total += part.item()
        weight = parameters[0].detach()
        assert layer.weight.grad is not None
        layer.weight.grad += penalty * weight
        gradient = torch.cat([p.grad.ravel() for p in parameters if p.grad is not None])
        return total + penalty / 2 * float(weight.square().sum()), gradient.cpu().double().numpy()

    found = minimize(
        loss,
        np.zeros(sum(p.numel() for p in parameters)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "gtol": GRADIENT},
    )
    _assign(parameters, found.x)


@torch.no_grad()
def _assign(parameters: list[nn.Parameter], flat: np.ndarray) -> None:
    start = 0
    for parameter in parameters:
        part = flat[start : start + parameter.numel()].reshape(parameter.shape)
        parameter.copy_(torch.from_numpy(part))
        start += parameter.numel()
