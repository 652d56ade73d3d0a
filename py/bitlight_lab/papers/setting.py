"""What the experiments on a float backbone have in common: how it is chosen, what a run is of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitlight_lab.papers import backbones, targets

SIZES = {"efficientnet-lite0": 96, "densenet169": 224}


@dataclass(frozen=True)
class BackboneSetting:
    """What is run.

    Attributes
    ----------
    folder : Path
        For runs.jsonl, table.md and the figure.
    targets : tuple of str
        Names, as `bitlight_lab.papers.targets.load` takes them.
    backbone : str
    weights : str
        "pretrained", "random" or a file; see `bitlight_lab.papers.backbones.load`.
    size : int or None
        Side of the images that the backbone sees; by default 96, for DenseNet-169 224.
    device : str
        PyTorch's.
    """

    folder: Path
    targets: tuple[str, ...] = ("animals",)
    backbone: str = "efficientnet-lite0"
    weights: str = "pretrained"
    size: int | None = None
    device: str = "cpu"

    def load_backbone(self) -> backbones.Backbone:
        """The backbone with its weights.

        Raises
        ------
        DataError
            If it or its weights are missing.
        """
        size = self.size or SIZES.get(self.backbone, 96)
        return backbones.load(self.backbone, size, self.weights)

    def parameters(
        self, backbone: backbones.Backbone, cut: int, target: Mapping[str, str]
    ) -> dict[str, Any]:
        """What any run on a target depends on, with the backbone removed from a cut on.

        Parameters
        ----------
        backbone : Backbone
        cut : int
        target : mapping
            The target's `targets.identity`, which looks at every file of a folder.
        """
        return {
            **target,
            "backbone": backbone.name,
            "weights": Path(self.weights).stem,
            "pixels": backbone.prepared.size,
            "cut": cut,
            "device": self.device,
        }


def load_target(
    name: str,
    backbone: backbones.Backbone,
    train_images: int | None = None,
    test_images: int | None = None,
) -> targets.Target:
    """A target for a backbone, or a part of it: small images are stretched batch by batch."""
    size = backbone.prepared.size
    shape = (28, 28, 1) if name in targets.OFFLINE else (size, size, 3)
    return targets.load(name, shape).limited(train_images, test_images)
