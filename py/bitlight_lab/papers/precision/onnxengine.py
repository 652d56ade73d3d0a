"""A cut network as an ONNX file, in float32 or quantised to int8, run by ONNX Runtime."""

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bitlight.errors import DataError
from bitlight.nn import pixels_to_floats
from bitlight_lab.papers.backbones import Backbone, demand
from bitlight_lab.papers.pipeline import Network

CPU, TENSORRT = "CPUExecutionProvider", "TensorrtExecutionProvider"
BATCH = 25  # of calibration


def providers() -> tuple[str, ...]:
    """TensorRT and the processor, as far as this ONNX Runtime has them."""
    demand("onnxruntime")
    import onnxruntime

    return tuple(name for name in (TENSORRT, CPU) if name in onnxruntime.get_available_providers())


def export(backbone: Backbone, cut: int, path: Path) -> None:
    """Write the first stages as an ONNX file of float32 with a free batch size.

    Raises
    ------
    DataError
        If a package is missing.
    """
    demand("onnx", "onnxscript")
    stages = backbone.upto(cut)
    side = backbone.prepared.size
    example = torch.zeros(2, 3, side, side)
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            stages,
            (example,),
            input_names=["pixels"],
            output_names=["features"],
            dynamic_shapes=({0: torch.export.Dim("images")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(os.fspath(path))


def quantise(source: Path, path: Path, backbone: Backbone, images: np.ndarray) -> None:
    """Quantise an ONNX file statically: int8 weights for each channel, activations calibrated.

    Parameters
    ----------
    source, path : Path
    backbone : Backbone
        Prepares the images.
    images : uint8 array, shape (N, H, W, C)
        Of training; the range of each activation is that on these.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = path.with_suffix(".prepared.onnx")
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")
        quant_pre_process(os.fspath(source), os.fspath(prepared), skip_symbolic_shape=True)
        quantize_static(
            os.fspath(prepared),
            os.fspath(path),
            _reader(backbone.prepared, images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    prepared.unlink()


def in_onnxruntime(path: Path, backbone: Backbone, precision: str, provider: str = CPU) -> Network:
    """An ONNX file as a function of pixels.

    Parameters
    ----------
    path : Path
    backbone : Backbone
        Prepares the images.
    precision : "float32", "float16" or "int8"
        That TensorRT may compute in; on the processor the file decides.
    provider : str
        One of `providers()`.

    Raises
    ------
    DataError
        If this ONNX Runtime lacks the provider.
    """
    import onnxruntime

    if provider not in providers():
        raise DataError(f"this ONNX Runtime has no {provider}: it has {', '.join(providers())}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    chosen: list[Any] = [CPU]
    if provider == TENSORRT:
        allowed = {
            "trt_fp16_enable": precision != "float32",
            "trt_int8_enable": precision == "int8",
        }
        chosen.insert(0, (TENSORRT, allowed))
    session = onnxruntime.InferenceSession(os.fspath(path), options, providers=chosen)

    def network(images: np.ndarray) -> np.ndarray:
        return session.run(["features"], {"pixels": _pixels(backbone.prepared, images)})[0]

    return network


@torch.inference_mode()
def _pixels(prepared: nn.Module, images: np.ndarray) -> np.ndarray:
    return prepared(pixels_to_floats(torch.from_numpy(images))).contiguous().numpy()


def _reader(prepared: nn.Module, images: np.ndarray) -> Any:
    """Batches of images for the calibration; the base class is ONNX Runtime's."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            starts = range(0, len(images), BATCH)
            self.batches = iter([_pixels(prepared, images[at : at + BATCH]) for at in starts])

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {"pixels": batch}

    return Reader()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Exporter and quantiser write of their progress."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(level)
