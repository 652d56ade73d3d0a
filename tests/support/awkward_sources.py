"""Images that end the process which reads them; a module, so that workers can import it.

The first image alone is harmless: whoever makes a store looks at it.
"""

import os
import signal
import time
from pathlib import Path

from bitlight.data.source import RandomSource


class DeadlySource(RandomSource):
    """Ends its process by SIGKILL at one image, the first time; notes what is read.

    Parameters
    ----------
    folder : Path
        For its notes.
    image : int
    """

    def __init__(self, count, shape, folder, image):
        super().__init__(count, shape)
        self.folder, self.image = Path(folder), image

    def images(self, rows):
        if len(rows) > 1:
            with (self.folder / "read").open("a") as notes:
                notes.write(f"{rows.start}\n")
        if self.image in rows and not (self.folder / "died").exists():
            (self.folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().images(rows)

    def read(self):
        return sorted(map(int, (self.folder / "read").read_text().split()))


class GreedySource(RandomSource):
    """Takes memory without end at one image."""

    def __init__(self, count, shape, image):
        super().__init__(count, shape)
        self.image = image

    def images(self, rows):
        taken = []
        while self.image in rows:
            taken.append(bytearray(os.urandom(1 << 16)) * (1 << 9))
            time.sleep(0.02)
        return super().images(rows)


class BrokenSource(RandomSource):
    """Raises what it is given, for any chunk."""

    def __init__(self, count, shape, error):
        super().__init__(count, shape)
        self.error = error

    def images(self, rows):
        if len(rows) > 1:
            raise self.error
        return super().images(rows)
