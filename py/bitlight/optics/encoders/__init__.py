"""Numbers to bits, which is what a display of micromirrors shows.

All are scikit-learn transformers: numbers of shape (N, features) in, uint8 0/1 out. Where a feature
becomes several bits, these lie side by side.
"""

from bitlight.optics.encoders.planes import BitPlanes, Float32Bits
from bitlight.optics.encoders.thresholds import Sign, Thermometer, Threshold, Thresholds

__all__ = ["BitPlanes", "Float32Bits", "Sign", "Thermometer", "Threshold", "Thresholds"]
