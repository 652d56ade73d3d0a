"""scikit-learn's own checks of the estimators."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from bitlight import OpticalFeatures
from bitlight.optics.encoders import (
    Float32Bits,
    Sign,
    Thermometer,
    Threshold,
    Thresholds,
)

# The checks' data are any numbers, so that the estimator needs an encoder.
ESTIMATORS = [
    OpticalFeatures(16, encoder=Sign()),
    OpticalFeatures(16, medium="structured", camera=None, encoder=Thermometer(3)),
    Sign(),
    Threshold(),
    Thresholds(),
    Thermometer(),
    Float32Bits(),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_contract(estimator, check):
    check(estimator)
