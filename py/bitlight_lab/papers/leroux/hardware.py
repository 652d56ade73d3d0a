"""Features, or scores, of test images from simulated hardware, compared with the golden model."""

from dataclasses import dataclass

import numpy as np

from bitlight.network.network import Network


@dataclass(frozen=True, eq=False)
class Simulated:
    """What the RTL gave.

    Attributes
    ----------
    values : array, shape (N, features)
        uint8 bits or int32 scores. Of the images behind the simulated ones, the golden model's.
    images : int
        How many were simulated.
    different : int
        Values of these that differ from the golden model's.
    cycles_per_image : float
    """

    values: np.ndarray
    images: int
    different: int
    cycles_per_image: float

    @property
    def figures(self) -> dict[str, int | float]:
        """These figures as plain numbers, for a line of the journal."""
        return {
            "rtl_images": self.images,
            "bits_compared": self.images * self.values.shape[1],
            "bits_different": self.different,
            "cycles_per_image": self.cycles_per_image,
        }


def simulate(
    net: Network, images: np.ndarray, *, processes: int = 1, most: int | None = None
) -> Simulated:
    """Run images through the accelerator's RTL, bit-sliced, and through the golden model.

    Parameters
    ----------
    net : Network
    images : uint8 array, shape (N, *net.input_shape)
    processes : int
    most : int, optional
        Images for the RTL; by default all.

    Raises
    ------
    SimulationError
        If the simulator cannot be built, or stands still.
    """
    from bitlight_hw import Accelerator
    from bitlight_sim import Simulator

    golden = net.forward(images)
    count = len(images) if most is None else min(most, len(images))
    with Simulator(Accelerator(net), processes, engine="sliced") as simulator:
        run = simulator.run(images[:count])
    values = np.concatenate([run.features, golden[count:]])
    different = int(np.count_nonzero(values != golden))
    return Simulated(values, count, different, run.cycles_per_image)
