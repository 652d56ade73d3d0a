"""Binary neural networks as fixed hardware: network, golden model, training, features, heads."""

import importlib
import importlib.metadata
import importlib.util
from typing import Any

from bitlight.errors import (
    BitlightError,
    DataError,
    ExchangeError,
    FoldingError,
    FreezingError,
    HeadError,
    NetworkError,
    OpticsError,
    SimulationError,
    StoreError,
    SynthesisError,
    TrainingError,
)
from bitlight.network.layers import (
    Add,
    Affine,
    Concat,
    Conv2d,
    Linear,
    MaxPool2d,
    PReLU,
    SumPool2d,
    Threshold,
)
from bitlight.network.network import Network
from bitlight.network.surroundings import OutputScale

# Loaded at first use, so that `import bitlight` needs neither torch nor scikit-learn.
_LAZY = {
    "freeze": "bitlight.freezing.freeze",
    "export_qonnx": "bitlight.qonnx",
    "import_qonnx": "bitlight.qonnx",
    "FeatureStore": "bitlight.store",
    "Classifier": "bitlight.classifier",
    "BinaryFeatures": "bitlight.features.transformer",
    "BinaryHead": "bitlight.heads.binary",
    "LinearHead": "bitlight.heads.linear",
    "RidgeHead": "bitlight.heads.ridge",
    "Camera": "bitlight.optics.camera",
    "OpticalFeatures": "bitlight.optics.features",
    "OpticalProjection": "bitlight.optics.module",
}
# What these names need; `from bitlight import *` leaves them out where it is not installed.
_NEEDS = {
    "freeze": "torch",
    "export_qonnx": "onnx",
    "import_qonnx": "onnx",
    "OpticalProjection": "torch",
}

__all__ = [
    "Add",
    "Affine",
    "BinaryFeatures",
    "BinaryHead",
    "BitlightError",
    "Camera",
    "Classifier",
    "Concat",
    "Conv2d",
    "DataError",
    "ExchangeError",
    "FeatureStore",
    "FoldingError",
    "FreezingError",
    "HeadError",
    "Linear",
    "LinearHead",
    "MaxPool2d",
    "Network",
    "NetworkError",
    "OpticalFeatures",
    "OpticalProjection",
    "OpticsError",
    "OutputScale",
    "PReLU",
    "RidgeHead",
    "SimulationError",
    "StoreError",
    "SumPool2d",
    "SynthesisError",
    "Threshold",
    "TrainingError",
    "export_qonnx",
    "freeze",
    "import_qonnx",
]

for _name, _library in _NEEDS.items():
    if importlib.util.find_spec(_library) is None:
        __all__.remove(_name)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("bitlight")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
