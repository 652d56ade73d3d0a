"""What a worker of a cluster does with an item, whatever brings it there."""

from abc import ABC, abstractmethod
from typing import Any


class Job(ABC):
    """Pickled once, with all that it needs, and sent to each worker before the first item.

    Examples
    --------
    >>> class Square(Job):
    ...     def __call__(self, item):
    ...         return item * item
    >>> Square()(3)  # `bitlight.cluster.spread` calls it on the workers
    9
    """

    def setup(self, worker: Any) -> Any:
        """Make ready on a worker; may be a coroutine, as in Dask's plugins."""
        return None

    def teardown(self, worker: Any) -> None:
        """Let go of what was made ready."""
        return

    @abstractmethod
    def __call__(self, item: Any) -> Any:
        """Give the result for an item."""
