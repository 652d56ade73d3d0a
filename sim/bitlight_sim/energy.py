"""An estimate of energy from what changes, by published energies of operations.

E = changes of nets · E_change + binary products · E_add + bits of memory read or written · E_memory

M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, figure 1.1.9,
45 nm, 0.9 V: an addition of 8 bits takes 0.03 pJ, and 64 bits from a cache of 8 kB 10 pJ.
"""

from collections import defaultdict
from dataclasses import dataclass, fields

from bitlight.network.inspection import inspect
from bitlight_hw import Accelerator
from bitlight_sim.activity import Activity

SOURCE = "Horowitz, ISSCC 2014, figure 1.1.9: 45 nm, 0.9 V"
# An addition of 8 bits, for each: that of one product to a popcount, whose nets have no names.
ADD_PJ = 0.03 / 8
# The same for each of the four digits that change on average: a net that changes.
CHANGE_PJ = 0.03 / 4
MEMORY_PJ = 10 / 64
TOP = "(between units)"


@dataclass(frozen=True)
class UnitActivity:
    """What happens in one unit, for each image.

    Attributes
    ----------
    name : str
    nets : int
        Bits that have a name in the Verilog and that the unit drives, each once.
    changes : float
        How often these change.
    share : float
        Part of its nets that change in a cycle, of 0 to 1.
    products : int
        Binary products that are summed: for inputs of several bits, one for each.
    memory_bits : float
        Bits that are read from and written to memories.
    """

    name: str
    nets: int
    changes: float
    share: float
    products: int
    memory_bits: float

    @property
    def changes_nj(self) -> float:
        """Estimate for the nets."""
        return self.changes * CHANGE_PJ / 1000

    @property
    def products_nj(self) -> float:
        """Estimate for the sums of products."""
        return self.products * ADD_PJ / 1000

    @property
    def memory_nj(self) -> float:
        """Estimate for the memories."""
        return self.memory_bits * MEMORY_PJ / 1000

    @property
    def nj(self) -> float:
        """Estimate for all of the unit."""
        return self.changes_nj + self.products_nj + self.memory_nj

    def as_dict(self) -> dict[str, str | int | float]:
        """For JSON."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        energies = ("changes_nj", "products_nj", "memory_nj", "nj")
        return found | {name: getattr(self, name) for name in energies}


def by_unit(acc: Accelerator, activity: Activity) -> list[UnitActivity]:
    """What was counted, unit by unit in stream order, and what is in none of them last."""
    images, cycles = activity.images, activity.cycles
    nets: dict[str, set[int]] = defaultdict(set)
    for signal in activity.signals:
        for net in signal.nets:
            path = activity.owners.get(net)
            if path is not None:
                nets[path[0] if path else TOP].add(net)
    bits: dict[str, int] = defaultdict(int)
    for move in activity.memories:
        path = activity.owners[next(iter(move.q or move.address))]
        width = len(move.q or move.d)
        bits[path[0] if path else TOP] += width * activity.high(move.enable)
    products = {f"layer{row.index}_matvec": row.xnor_macs for row in inspect(acc.net).rows}
    names = [*acc.units, *sorted(nets.keys() - acc.units.keys())]
    found = []
    for name in names:
        changed = sum(map(activity.changed, nets[name]))
        share = changed / (len(nets[name]) * cycles) if nets[name] else 0.0
        found.append(
            UnitActivity(
                name,
                len(nets[name]),
                changed / images,
                share,
                products.get(name, 0),
                bits[name] / images,
            )
        )
    return found
