"""A projection from the parameters that feature files and heads keep of it."""

from collections.abc import Mapping
from typing import Any

from bitlight.optics.camera import Camera
from bitlight.optics.features import OpticalFeatures


def recorded(parameters: Mapping[str, Any], *, verbose: bool = False) -> OpticalFeatures:
    """The same projection again, to be fitted.

    Parameters
    ----------
    parameters : dict
        As `bitlight project` writes them: `camera` is the camera's own parameters, or None.
    verbose : bool
        Whether it tells how far it is.
    """
    camera = None if parameters["camera"] is None else Camera(**parameters["camera"])
    return OpticalFeatures(**{**parameters, "camera": camera}, verbose=verbose)
