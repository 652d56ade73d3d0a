"""Hooks, parametrizations and replaced methods: refused by name, with what to do about them."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from bitlight import FreezingError, freeze
from bitlight.freezing.verify import count_differences
from bitlight.nn import BinaryLinear, Sign

torch.set_num_threads(1)


def module():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(BinaryLinear(9, 6, input_bits=8), nn.BatchNorm1d(6), Sign()),
        BinaryLinear(6, 2),
    )


def negated(module, given, out):
    return -out


def forward_hook(net):
    net[0][1].register_forward_hook(negated)


def hook_on_all_of_it(net):
    net.register_forward_hook(negated)


def pre_hook(net):
    net[0].register_forward_pre_hook(lambda module, given: (-given[0],))


def weight_norm(net):
    torch.nn.utils.weight_norm(net[1])


def spectral_norm(net):
    torch.nn.utils.spectral_norm(net[1])


def pruned(net):
    prune.l1_unstructured(net[0][0], "weight", 0.5)


def parametrized(net):
    parametrizations.weight_norm(net[1])


def replaced(net):
    net[0][2].forward = lambda x: x


def replaced_outside(net):
    net.forward = lambda x: x


ON = {
    forward_hook: r"0\.1 \(BatchNorm1d\): has a forward hook, negated, which may change",
    hook_on_all_of_it: r"the module \(Sequential\): has a forward hook, negated",
    pre_hook: r"0 \(Sequential\): has a forward pre-hook, .*<lambda>, which may change",
    weight_norm: r"1 \(BinaryLinear\): .* WeightNorm, call torch.nn.utils.remove_weight_norm\(",
    spectral_norm: r"1 \(BinaryLinear\): .* SpectralNorm, call .*remove_spectral_norm\(module",
    pruned: r"0\.0 \(BinaryLinear\): .* L1Unstructured, of prune: call .*prune.remove\(module, 'we",
    parametrized: r"1 \(.*\): weight has a parametrization, _WeightNorm: call .*remove_parametriz",
    replaced: r"0\.2 \(Sign\): its forward was replaced by .*<lambda>",
    replaced_outside: r"the module \(Sequential\): its forward was replaced",
}


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("change", ON, ids=lambda change: change.__name__)
def test_refuses(change):
    net = module()
    frozen = freeze(net, (9,), 8)
    change(net)
    with pytest.raises(FreezingError, match=ON[change]):
        freeze(net, (9,), 8)
    with pytest.raises(FreezingError, match=ON[change]):
        count_differences(net, frozen, torch.zeros(2, 9, dtype=torch.uint8).numpy())


def test_hooks_on_wrappers_count_too():
    wrapped = nn.DataParallel(module())
    wrapped.register_forward_hook(negated)
    with pytest.raises(FreezingError, match=r"the module \(DataParallel\): has a forward hook"):
        freeze(wrapped, (9,), 8)


def test_hooks_of_all_modules():
    handle = nn.modules.module.register_module_forward_hook(negated)
    try:
        with pytest.raises(FreezingError, match="negated is a forward hook of all modules"):
            freeze(module(), (9,), 8)
    finally:
        handle.remove()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_the_message_says_helps():
    net = module()
    pruned(net)
    prune.remove(net[0][0], "weight")
    weight_norm(net)
    torch.nn.utils.remove_weight_norm(net[1])
    parametrized(net)
    parametrize.remove_parametrizations(net[1], "weight")
    images = torch.randint(0, 256, (500, 9), dtype=torch.uint8).numpy()
    assert count_differences(net, freeze(net, (9,), 8), images) == [0, 0]


def test_hooks_that_change_no_output_are_taken():
    net = module()
    expected = freeze(net, (9,), 8).id
    net[0].register_full_backward_hook(lambda *given: None)
    net[1].register_state_dict_post_hook(lambda *given: None)
    net[1].weight.register_hook(lambda gradient: gradient)
    assert freeze(net, (9,), 8).id == expected


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_script_is_refused():
    with pytest.raises(FreezingError, match="a ScriptModule cannot be read"):
        freeze(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), (2,), 8)
