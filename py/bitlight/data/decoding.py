"""Photographs as pixels, decoded once: what was decoded is kept in the cache, block by block.

A block is a run of files. It lies in the cache under a digest of all that its pixels follow from:
each file's place, inode, size and times, how pictures come into the shape, and which Pillow
decodes. A file that was changed, even within its size and with its time set back, has another time
of change, which nobody can set; so its block is decoded again. What lies in the cache is compared
with its own SHA-256 each time.
"""

import os
import time
from collections.abc import Sequence
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from bitlight.data.folder import read_images
from bitlight.data.placing import Placing
from bitlight.errors import BitlightError, DataError
from bitlight.files import cache, kept
from bitlight.files.cache import PIXELS
from bitlight.files.npy import read_npy
from bitlight.files.opening import open_regular

VERSION = "1"  # of what `read_images` makes of a file
BLOCK_BYTES, BLOCK_FILES = 1 << 22, 1024
# A file may change again without a later time if it has changed this lately.
SETTLED_S = 2.0
# A block is decoded whole where one of so many parts of it is wanted.
WORTHWHILE = 8
EVICT_EVERY = 16  # blocks
NAME = "pixels.npy"


class Decoder:
    """The pixels of files, from the cache where they are there.

    Parameters
    ----------
    files : sequence of Path
    shape : (H, W, C)
    placing : Placing
    """

    def __init__(
        self, files: Sequence[Path], shape: tuple[int, int, int], placing: Placing
    ) -> None:
        self._files, self._shape, self._placing = files, shape, placing
        self._block = max(1, min(BLOCK_FILES, BLOCK_BYTES // prod(shape)))
        self._last: tuple[str, np.ndarray] | None = None
        self._written = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_last": None}

    def images(self, rows: range) -> np.ndarray:
        """uint8 (n, H, W, C) of these files.

        Blocks are decoded whole where a good part of one is wanted, and kept.

        Raises
        ------
        DataError
            If files are no images, which are named, or cannot be read.
        """
        found = np.empty((len(rows), *self._shape), np.uint8)
        whole = WORTHWHILE * len(rows) >= min(self._block, len(self._files))
        for number in range(rows.start // self._block, -(-rows.stop // self._block)):
            span = self._span(number)
            start, stop = max(span.start, rows.start), min(span.stop, rows.stop)
            pixels = self._pixels(number, whole)
            if pixels is None:
                part = read_images(self._files[start:stop], self._shape, self._placing)
            else:
                part = pixels[start - span.start : stop - span.start]
            found[start - rows.start : stop - rows.start] = part
        return found

    def unknown(self) -> list[int]:
        """Numbers of the files that the cache does not have, as far as its list says so."""
        if not self._keeps:
            return list(range(len(self._files)))
        places = cache.sections(PIXELS)
        missing: list[int] = []
        for number in range(-(-len(self._files) // self._block)):
            span = self._span(number)
            key = self._key(span)
            if not any((place / key).is_dir() for place in places):
                missing += span
        return missing

    @cached_property
    def _keeps(self) -> bool:
        """Whether there is a cache, in which all of these take half of the room at most."""
        try:
            if len(self._files) * prod(self._shape) > kept.limit() // 2:
                return False
            cache.own_section(PIXELS)
        except cache.CacheError as error:
            cache.without(error)
            return False
        return True

    def _span(self, number: int) -> range:
        start = number * self._block
        return range(start, min(start + self._block, len(self._files)))

    def _pixels(self, number: int, whole: bool) -> np.ndarray | None:
        """A block's pixels: those of the last time, of the cache, or, if it is wanted, decoded."""
        span = self._span(number)
        key = self._key(span)
        if self._last is not None and self._last[0] == key:
            return self._last[1]
        pixels = self._kept(key, span) if self._keeps else None
        if pixels is None and whole:
            files = self._files[span.start : span.stop]
            pixels = read_images(files, self._shape, self._placing)
            if self._keeps and self._settled(span) and self._key(span) == key:
                self._keep(key, pixels)
        if pixels is not None:
            self._last = key, pixels
        return pixels

    def _kept(self, key: str, span: range) -> np.ndarray | None:
        entry = kept.find(PIXELS, key)
        if entry is None:
            return None
        try:
            with open_regular(entry.path / NAME) as file:
                pixels = read_npy(file, os.fstat(file.fileno()).st_size)
        except (OSError, ValueError):  # another process has just made room
            return None
        fits = pixels.shape == (len(span), *self._shape) and pixels.dtype == np.uint8
        return pixels if fits else None

    def _keep(self, key: str, pixels: np.ndarray) -> None:
        try:
            with kept.work(PIXELS) as folder:
                np.save(folder / NAME, pixels)
                evicts = self._written % EVICT_EVERY == 0
                kept.keep(PIXELS, key, {NAME: folder / NAME}, folder, evicts=evicts)
                self._written += 1
        except (OSError, BitlightError) as error:
            cache.without(error)
            self.__dict__["_keeps"] = False

    def _key(self, span: range) -> str:
        lines = [VERSION, PIL.__version__, f"{self._shape} {self._placing}"]
        for file in self._files[span.start : span.stop]:
            found = self._status(file)
            times = f"{found.st_mtime_ns} {found.st_ctime_ns}"
            lines.append(f"{file} {found.st_dev} {found.st_ino} {found.st_size} {times}")
        return cache.digest(*lines)

    def _settled(self, span: range) -> bool:
        """Whether their last change is so long ago that the next one has another time."""
        files = self._files[span.start : span.stop]
        last = max(self._status(file).st_ctime for file in files)
        return time.time() - last > SETTLED_S

    @staticmethod
    def _status(file: Path) -> os.stat_result:
        try:
            return os.stat(file)
        except OSError as error:
            raise DataError(f"cannot read {file}: {error.strerror}") from error
