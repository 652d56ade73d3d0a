"""How much is computed: the full experiment, or the quick one."""

from dataclasses import asdict, dataclass
from typing import Any

ALL = "all"  # instead of a number of images of each class
TABLE = (64, ALL)  # of the two tables; the paper's data sets have 30 to 80 images of each class

PerClass = int | str


@dataclass(frozen=True)
class Effort:
    """Numbers of the experiment.

    Attributes
    ----------
    seeds : int
        Runs with all training images.
    few_seeds : int
        Draws of a few images of each class.
    shots : tuple of int
        How many of each class, for the curves.
    source_images : int or None
        To train extractor and float network on; None: all.
    source_epochs : int
    images_seen : int
        By a network that is trained on the target, all epochs together, within 6 and 40 epochs.
    steps : int
        That it takes at least, however few images there are.
    components : int
        Of the optical projection.
    train_images, test_images : int or None
        Of a target; None: all.
    """

    seeds: int
    few_seeds: int
    shots: tuple[int, ...]
    source_images: int | None
    source_epochs: int
    images_seen: int
    steps: int
    components: int
    train_images: int | None
    test_images: int | None

    def parameters(self) -> dict[str, Any]:
        """What a single run depends on."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in ("seeds", "few_seeds", "shots")
        }

    def runs(self) -> list[tuple[PerClass, int]]:
        """Images of each class, and seed, of all runs of a row; the tables' first."""
        everything: list[tuple[PerClass, int]] = [(ALL, seed) for seed in range(self.seeds)]
        shots = sorted(self.shots, reverse=True)
        return everything + [(shot, seed) for shot in shots for seed in range(self.few_seeds)]


FULL = Effort(
    seeds=3,
    few_seeds=5,
    shots=(1, 2, 4, 8, 16, 64),
    source_images=None,
    source_epochs=18,
    images_seen=120_000,
    steps=250,
    components=4800,
    train_images=None,
    test_images=None,
)
QUICK = Effort(
    seeds=1,
    few_seeds=2,
    shots=(1, 16),
    source_images=2000,
    source_epochs=3,
    images_seen=2000,
    steps=30,
    components=2400,
    train_images=600,
    test_images=500,
)
