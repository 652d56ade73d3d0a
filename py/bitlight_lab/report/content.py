"""What is on a report's page."""

from dataclasses import dataclass, field

from bitlight_hw import Accelerator
from bitlight_hw.exploring import Explored
from bitlight_lab.report.checking import Checked
from bitlight_lab.report.classes import Classes
from bitlight_lab.report.featuremaps import Maps


@dataclass(frozen=True, eq=False)
class Content:
    """What a page says of an accelerator.

    Attributes
    ----------
    title : str
    acc : Accelerator
    target : str
        The family or part whose look-up tables and block RAM are counted.
    mhz : float
        Clock, for images/s.
    maps : list of Maps, feature maps of some images
    checked : Checked or None
        What a simulation found.
    classes : Classes or None
    explored : Explored or None
        Other foldings, from `bitlight_hw.exploring.explore`.
    origins : dict of str to str
    """

    title: str
    acc: Accelerator
    target: str = "xc7"
    mhz: float = 100.0
    maps: list[Maps] = field(default_factory=list)
    checked: Checked | None = None
    classes: Classes | None = None
    explored: Explored | None = None
    origins: dict[str, str] = field(default_factory=dict)
