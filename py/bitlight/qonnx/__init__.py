"""Networks from elsewhere and to elsewhere: QONNX, the format of Brevitas and FINN."""

from bitlight.qonnx.file import LARGEST_FILE
from bitlight.qonnx.imported import Code, Imported, InputCode, Sums
from bitlight.qonnx.reader import import_qonnx
from bitlight.qonnx.writer import export_qonnx

__all__ = ["LARGEST_FILE", "Code", "Imported", "InputCode", "Sums", "export_qonnx", "import_qonnx"]
