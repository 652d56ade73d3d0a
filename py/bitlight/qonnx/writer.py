"""Network to QONNX, in the form that FINN's compiler ends its streamlining with.

Weights are ±1 behind a BipolarQuant, as Brevitas writes them. A sign is a MultiThreshold with one
integer threshold for each channel, scale 2 and bias −1: what FINN turns every activation into, and
fuses into the matrix-vector unit before it (`InferQuantizedMatrixVectorActivation`). Pixels go in
as they are, so that the first layer sums w·x; its thresholds are moved accordingly.
"""

import os

import onnx

from bitlight.errors import ExchangeError
from bitlight.files.replacing import replacing
from bitlight.network.layers import Conv2d, Linear
from bitlight.network.network import Network
from bitlight.qonnx.chains import Writer
from bitlight.qonnx.file import LARGEST_FILE
from bitlight.qonnx.graphs import GraphWriter


def export_qonnx(
    net: Network, path: str | os.PathLike[str], batch: int = 1, *, bare: bool = False
) -> None:
    """Write a network as QONNX, for qonnx and FINN. Same network, same bytes.

    The graph takes float32 of the shape (batch, C, H, W) or (batch, n): pixels as they are, or bits
    as −1 and +1. It gives what `Network.forward` gives, in the same order (h, w, c): integer
    scores, or bits as −1 and +1, levels u as 2·u − L. `import_qonnx` reads it back, but for the
    rounding of an `Affine` or `PReLU` with a shift, and what they clip.

    Parameters
    ----------
    net : Network
    path : path of the file
    batch : int
        How many images the graph takes at once; FINN wants one.
    bare : bool
        Write the layers of a network that has a table of codes or an output scale, without these:
        the graph then takes codes, and gives scores that no scale has met.

    Raises
    ------
    ExchangeError
        If the network has codes or an output scale and is not to be written bare, the sums of a
        layer are too large to be exact in float32, or the file would be too large.
    BitlightError
        If the file cannot be written.

    Examples
    --------
    >>> export_qonnx(extractors.features(), "fashion28.onnx")      # doctest: +SKIP
    """
    around = {"a table of codes": net.codes, "an output scale": net.output_scale}
    kept = [name for name, value in around.items() if value is not None]
    if kept and not bare:
        raise ExchangeError(
            f"the network has {' and '.join(kept)}, which the graph would not have: `--bare` "
            "(bare=True) writes its layers alone, which take codes and give scores"
        )
    content = to_model(net, batch).SerializeToString(deterministic=True)
    with replacing(path) as file:
        file.write(content)


def to_model(net: Network, batch: int = 1) -> onnx.ModelProto:
    """The model that `export_qonnx` writes."""
    weights = sum(layer.weight.size for layer in net.layers if isinstance(layer, Conv2d | Linear))
    if 4 * weights >= LARGEST_FILE:
        raise ExchangeError(
            f"{weights} weights of four bytes each make a file of more than {LARGEST_FILE} bytes"
        )
    return (Writer if net.is_binary_chain else GraphWriter)(net, batch).model()
