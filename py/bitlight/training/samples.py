"""Samples for training: batches of pixels and labels, each drawn from (seed, epoch, number) alone.

So neither an interruption nor the number of loading processes changes what a step sees.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from bitlight.data import Placing, fit, image_files, open_image
from bitlight.data.checking import Progress, usable
from bitlight.data.classes import translation
from bitlight.data.fitting import photograph_shape
from bitlight.errors import TrainingError
from bitlight.training.augmentation import crop, cut_out, move
from bitlight.training.recipes import Recipe

Batch = tuple[torch.Tensor, torch.Tensor]


def generator(*numbers: int) -> torch.Generator:
    """A generator that these numbers alone determine."""
    return torch.Generator().manual_seed(seed_of(*numbers))


def seed_of(*numbers: int) -> int:
    """A seed of 63 bits from some numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


class Samples(ABC):
    """Images with labels, in batches of uint8 pixels (n, H, W, C) or (n, features).

    Examples
    --------
    >>> import numpy as np
    >>> from bitlight.training import Arrays
    >>> isinstance(Arrays(np.zeros((4, 8, 8, 1), np.uint8), np.arange(4)), Samples)
    True
    """

    classes: int
    names: tuple[str, ...] = ()  # of the classes, where they have any

    def renumber(self, names: Sequence[str]) -> "Samples":
        """The same samples with the labels that other ones have for classes of these names.

        Raises
        ------
        DataError
            If a class is unknown there, or only one side has names.
        """
        table = translation(self.names, names, "the test set")
        return self if not len(table) else _Renumbered(self, table, tuple(names))

    @abstractmethod
    def __len__(self) -> int:
        """How many samples there are."""

    @abstractmethod
    def _load(
        self, parts: Sequence[torch.Tensor], seeds: Sequence[int], recipe: Recipe | None
    ) -> Iterator[Batch]:
        """Batches of the samples that each part lists; augmented when there is a recipe."""

    def epoch(
        self, number: int, recipe: Recipe, first: int = 0, rank: int = 0, ranks: int = 1
    ) -> Iterator[Batch]:
        """The steps of an epoch from `first` on: `recipe.accumulate` pieces for each.

        Of every piece a process takes each `ranks`-th sample, beginning with `rank`.
        """
        order = torch.randperm(len(self), generator=generator(recipe.seed, number))
        size = recipe.batch_size // recipe.accumulate
        steps = len(self) // recipe.batch_size
        pieces = order[: steps * recipe.batch_size].split(size)[first * recipe.accumulate :]
        start = number * steps * recipe.accumulate + first * recipe.accumulate
        seeds = [seed_of(recipe.seed, start + index, rank, 1) for index in range(len(pieces))]
        return self._load([piece[rank::ranks] for piece in pieces], seeds, recipe)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """All samples once, as they are."""
        parts = torch.arange(len(self)).split(batch_size)
        return self._load(parts, [0] * len(parts), None)


class _Renumbered(Samples):
    """Samples with other labels."""

    def __init__(self, samples: Samples, table: np.ndarray, names: tuple[str, ...]) -> None:
        self.samples, self.table = samples, torch.from_numpy(table)
        self.classes, self.names = len(names), names

    def __len__(self) -> int:
        return len(self.samples)

    def _load(
        self, parts: Sequence[torch.Tensor], seeds: Sequence[int], recipe: Recipe | None
    ) -> Iterator[Batch]:
        for pixels, labels in self.samples._load(parts, seeds, recipe):
            yield pixels, self.table[labels]


class Arrays(Samples):
    """Images that are in memory.

    Parameters
    ----------
    images : uint8 array, shape (N, H, W, C) or (N, n)
    labels : int64 array, shape (N,)
    names : sequence of str
        Of the classes, where they have any.

    Raises
    ------
    TrainingError
        If there is not one label, 0 or more, for each image, or not a name for each label.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, names: Sequence[str] = ()) -> None:
        if len(labels) != len(images) or len(labels) == 0:
            raise TrainingError(
                f"needs a label for each image, not {len(images)} images and {len(labels)} labels"
            )
        if labels.min() < 0:
            raise TrainingError(f"labels must be 0 or more, not {labels.min()}")
        self.pixels, self.labels = torch.tensor(images), torch.tensor(labels)
        self.classes, self.names = int(labels.max()) + 1, tuple(names)
        if self.names:
            if self.classes > len(self.names):
                raise TrainingError(f"label {labels.max()} has none of {len(self.names)} names")
            self.classes = len(self.names)

    def leave_out(self, every: int) -> "Arrays":
        """The samples without every `every`-th class: others, which the network can be tried on.

        Classes keep their order and are counted anew.

        Raises
        ------
        TrainingError
            If that leaves out nothing, or all.

        Examples
        --------
        >>> images, labels = np.zeros((4, 3), np.uint8), np.arange(4)
        >>> Arrays(images, labels, ["ant", "bee", "cat", "dog"]).leave_out(4).names
        ('ant', 'bee', 'cat')
        """
        if not 2 <= every <= self.classes:
            raise TrainingError(
                f"of {self.classes} classes every 2nd to {self.classes}th can be left out, "
                f"not every {every}th"
            )
        kept = np.arange(self.classes) % every != every - 1
        labels = self.labels.numpy()
        rows = kept[labels]
        names = [name for name, keep in zip(self.names, kept, strict=False) if keep]
        return Arrays(self.pixels.numpy()[rows], (np.cumsum(kept) - 1)[labels[rows]], names)

    def to(self, device: str | torch.device) -> "Arrays":
        """The same samples in the memory of a device, where their batches are then made."""
        moved = copy.copy(self)
        moved.pixels, moved.labels = self.pixels.to(device), self.labels.to(device)
        return moved

    def __len__(self) -> int:
        return len(self.pixels)

    def _load(
        self, parts: Sequence[torch.Tensor], seeds: Sequence[int], recipe: Recipe | None
    ) -> Iterator[Batch]:
        for part, seed in zip(parts, seeds, strict=True):
            rows = part.to(self.pixels.device, non_blocking=True)
            pixels = self.pixels[rows]
            if recipe is not None and pixels.ndim == 4:
                drawn = generator(seed)
                pixels = move(pixels, recipe.shift, recipe.flip, drawn)
                pixels = cut_out(pixels, recipe.cutout, drawn)
            yield pixels, self.labels[rows]


class Photographs(Samples):
    """Images that are read when they are needed: any torch data set of (PIL image, label).

    `torchvision.datasets.ImageFolder` and its like are such data sets; `of_folder` needs no
    torchvision. For training a part of each image, 8 to 100 % of its area, is stretched to the
    shape and half of them are mirrored; for tests the middle is taken.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        With `__len__`, and items (PIL image or uint8 array, label).
    shape : (H, W, C) or (n,)
        Of the network's input; for (n,) images become the square of as many values.
    classes : int
    workers : int
        Processes that read; 0 reads in this one.
    names : sequence of str
        Of the classes, where they have any.
    input_bits : int
        The upper bits of each value are kept.

    Attributes
    ----------
    skipped : tuple of str
        Files of the folder that were left out, being no images.

    Examples
    --------
    >>> from PIL import Image
    >>> pictures = [(Image.new("RGB", (40, 30), name), 0) for name in ("red", "blue")]
    >>> samples = Photographs(pictures, (8, 8, 3), classes=1)
    >>> len(samples)
    2
    """

    skipped: tuple[str, ...] = ()

    def __init__(
        self,
        dataset: Dataset[Any],
        shape: tuple[int, ...],
        classes: int,
        workers: int = 0,
        names: Sequence[str] = (),
        input_bits: int = 8,
    ) -> None:
        self.dataset, self.shape, self.classes, self.workers = dataset, shape, classes, workers
        self.names, self.input_bits = tuple(names), input_bits

    @classmethod
    def of_folder(
        cls,
        path: str | Path,
        shape: tuple[int, ...],
        workers: int = 0,
        *,
        input_bits: int = 8,
        background: str = Placing.background,
        skip_bad: bool = False,
        progress: Progress = lambda files: None,
    ) -> "Photographs":
        """Images of a folder with one sub-folder for each class, as ImageNet is laid out.

        Parameters
        ----------
        path, shape, workers, input_bits
            As above.
        background : "white" or "black"
            Where images are transparent.
        skip_bad : bool
            Leave files out that are no images.
        progress : callable
            Called with the number of files that have been looked at.

        Raises
        ------
        DataError
            If there is no such folder, a class has no images, or files are none.
        """
        files, labels, names = image_files(path)
        kept, skipped = usable(files, Path(path), skip_bad=skip_bad, progress=progress)
        dataset = _Files([files[row] for row in kept], labels[kept], background)
        found = cls(dataset, shape, len(names), workers, names, input_bits)
        found.skipped = skipped
        return found

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def _load(
        self, parts: Sequence[torch.Tensor], seeds: Sequence[int], recipe: Recipe | None
    ) -> Iterator[Batch]:
        augmentation = None if recipe is None else recipe.flip
        return iter(
            DataLoader(
                _Cropped(self.dataset, self.shape, self.input_bits, augmentation),
                batch_sampler=_Numbered(parts, seeds),
                num_workers=self.workers,
                multiprocessing_context="forkserver" if self.workers else None,
            )
        )


class _Files(Dataset[Any]):
    """Images of a folder, read one by one."""

    def __init__(self, files: list[Path], labels: np.ndarray, background: str) -> None:
        self.files, self.labels, self.background = files, labels, background

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = open_image(self.files[index], background=self.background)
        return image, int(self.labels[index])


class _Numbered:
    """Lists of (sample, seed) for the loader: what is drawn for a sample depends on these alone."""

    def __init__(self, parts: Sequence[torch.Tensor], seeds: Sequence[int]) -> None:
        self.parts, self.seeds = parts, seeds

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        for part, seed in zip(self.parts, self.seeds, strict=True):
            yield [(index, seed, place) for place, index in enumerate(part.tolist())]


class _Cropped(Dataset[Any]):
    """Pixels of the shape that the network wants; `flip` is None for tests."""

    def __init__(
        self, dataset: Any, shape: tuple[int, ...], input_bits: int, flip: bool | None
    ) -> None:
        self.dataset, self.shape, self.input_bits, self.flip = dataset, shape, input_bits, flip
        self.photograph_shape = photograph_shape(shape)

    def __getitem__(self, item: tuple[int, int, int]) -> tuple[np.ndarray, int]:
        index, *seeds = item
        image, label = self.dataset[index]
        rng = None if self.flip is None else np.random.default_rng(seeds)
        pixels = crop(image, self.photograph_shape, rng, flip=bool(self.flip))
        return fit(pixels[np.newaxis], self.shape, self.input_bits)[0], int(label)
