"""torchvision beside a torch that lacks the operators which its compiled part would bring."""

import pytest
import torch


def torchvision_or_skip():
    """Its data sets and models are Python; they need two operators to be known, not to exist."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for signature in (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    ):
        if not hasattr(torch.ops.torchvision, signature.split("(", maxsplit=1)[0]):
            library.define(signature)
    torchvision_or_skip.library = library
    return pytest.importorskip("torchvision")
