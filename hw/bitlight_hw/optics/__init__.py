"""The optical processor's twin: random projection of binary features, in integers.

`bitlight.optics.twin` is its model.
"""

from bitlight_hw.optics.projection import Projection
from bitlight_hw.optics.projector import Projector

__all__ = ["Projection", "Projector"]
