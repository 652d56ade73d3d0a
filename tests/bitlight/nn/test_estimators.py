import numpy as np
import pytest
import torch
from torch import nn

from bitlight.nn import BinaryLinear, Sign, sign

# A second thread saves nothing on small batches and waits for busy cores.
torch.set_num_threads(1)

ESTIMATORS = ["ste", "approx-sign", "swish-sign"]


def gradient(x, estimator, **parameters):
    x = x.clone().requires_grad_()
    weights = torch.linspace(-2, 3, len(x), dtype=x.dtype)
    (sign(x, estimator, **parameters) * weights).sum().backward()
    return x.grad / weights


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_sign_of_zero_is_plus_one(dtype, estimator):
    x = torch.tensor([-2.0, -1e-30, -0.0, 0.0, 1e-30, 3.0], dtype=dtype)
    assert sign(x, estimator).tolist() == [-1, -1, 1, 1, 1, 1]
    assert sign(x, estimator).dtype == dtype


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_ste_passes_up_to_and_at_one(dtype):
    beyond = 1 + torch.finfo(dtype).eps
    x = torch.tensor([-beyond, -1.0, -0.3, 0.0, 1.0, beyond], dtype=dtype, requires_grad=True)
    weights = torch.arange(1, 7, dtype=dtype)
    (Sign()(x) * weights).sum().backward()
    assert x.grad.tolist() == [0, 2, 3, 4, 5, 0]


def test_approx_sign_is_the_derivative_of_a_piecewise_polynomial():
    x = torch.linspace(-1.7, 1.7, 1000, dtype=torch.float64, requires_grad=True)
    inside = torch.where(x < 0, 2 * x + x**2, 2 * x - x**2)
    polynomial = torch.where(x.abs() < 1, inside, x.sign())
    (expected,) = torch.autograd.grad(polynomial.sum(), x)
    assert torch.allclose(gradient(x.detach(), "approx-sign"), expected, atol=1e-12)


@pytest.mark.parametrize("beta", [1.0, 5.0, 20.0])
def test_swish_sign_is_the_derivative_of_sign_swish(beta):
    x = torch.linspace(-3, 3, 1001, dtype=torch.float64, requires_grad=True)
    inner = torch.sigmoid(beta * x)
    sign_swish = 2 * inner * (1 + beta * x * (1 - inner)) - 1
    (expected,) = torch.autograd.grad(sign_swish.sum(), x)
    assert torch.allclose(gradient(x.detach(), "swish-sign", beta=beta), expected, atol=1e-12)
    assert gradient(torch.zeros(3), "swish-sign", beta=beta).tolist() == pytest.approx([beta] * 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_gradients_of_large_values_are_zero(dtype):
    x = torch.tensor([-3e4, -100.0, 100.0, 3e4], dtype=dtype)
    for estimator in ESTIMATORS:
        assert gradient(x, estimator).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_sign_and_layers_take_the_estimator(estimator):
    x = torch.tensor([[0.1, -0.4, 0.9]], requires_grad=True)
    Sign(estimator)(x).sum().backward()
    assert torch.equal(x.grad[0], gradient(x.detach()[0], estimator) * 1.0)
    layer = BinaryLinear(3, 1, estimator=estimator)
    layer.weight.data = x.detach().clone()
    layer(torch.ones(1, 3)).sum().backward()
    assert torch.allclose(layer.weight.grad, x.grad)


def test_beta_reaches_the_gradient():
    x = torch.zeros(1, requires_grad=True)
    Sign("swish-sign", beta=2.0)(x).backward()
    assert x.grad.item() == 2
    layer = BinaryLinear(1, 1, estimator="swish-sign", beta=3.0)
    layer.weight.data.zero_()
    layer(torch.ones(1, 1)).backward()
    assert layer.weight.grad.item() == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sign(torch.ones(1), "tanh"), "must be one of 'ste', 'approx-sign', 'swish-sign'"),
        (lambda: Sign("tanh"), "estimator must be one of .*, not 'tanh'"),
        (lambda: BinaryLinear(1, 1, estimator="tanh"), "estimator must be one of"),
        (lambda: Sign("swish-sign", beta=0), "beta must be positive, not 0"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_plain_torch_loop_trains(estimator):
    torch.manual_seed(0)
    module = nn.Sequential(
        BinaryLinear(16, 64, input_bits=8, estimator=estimator),
        nn.BatchNorm1d(64),
        Sign(estimator),
        BinaryLinear(64, 2, estimator=estimator),
        nn.BatchNorm1d(2),
    )
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (512, 16))
    labels = torch.tensor(pixels[:, :8].sum(1) > pixels[:, 8:].sum(1)).long()
    x = torch.tensor(pixels).float()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = nn.functional.cross_entropy(module(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert (module.eval()(x).argmax(1) == labels).float().mean() > 0.85
