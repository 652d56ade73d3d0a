"""Batch norms with parameters of all kinds, for tests of freezing."""

import torch


def spread(norm, generator, reach):
    """Batch-norm parameters of all kinds: usual, zero, tiny and huge gains, exact ties."""
    channels = norm.num_features
    mean = torch.randint(-reach // 4, reach // 4 + 1, (channels,), generator=generator).float()
    gain = torch.randn(channels, generator=generator)
    bias = torch.randn(channels, generator=generator)
    kinds = torch.arange(channels) % 8
    gain[kinds == 0] = 0
    gain[kinds == 1] *= 1e-30
    gain[kinds == 2] *= 1e6
    bias[(kinds == 0) & (torch.arange(channels) % 16 == 0)] = 0  # a gain and a bias of 0: +1
    bias[kinds == 3] = 0  # a tie where the sum is the mean
    bias[kinds == 4] = -2 * gain[kinds == 4]  # near a tie, as rounding goes
    norm.weight.data, norm.bias.data, norm.running_mean = gain, bias, mean
    norm.running_var = torch.where(
        kinds == 3, 1.0, torch.rand(channels, generator=generator) * reach
    )
