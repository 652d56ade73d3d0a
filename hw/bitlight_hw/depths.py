"""The least depth of each ring and queue of a circuit with which it keeps its interval."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from bitlight import SimulationError
from bitlight_hw.regions import Known, Regions, pay
from bitlight_hw.timing import Buffer, Circuit, Parts, Trace, run, with_ample_depths


def keeps(parts: Parts, beats_in: int, beats_out: int, interval: int, images: int) -> bool:
    """Whether the last of so many images follow each other in that interval."""
    return _kept((beats_in, beats_out, interval, images), parts) is not None


def _kept(form: tuple[int, int, int, int], parts: Parts) -> Trace | None:
    """What happens in a run that keeps the interval."""
    beats_in, beats_out, interval, images = form
    try:
        trace = run(parts, beats_in, beats_out, images, most=interval)
    except SimulationError:  # or some stand still
        return None
    return trace if trace.interval == interval else None


class _Trials:
    """Runs of a circuit with another depth of one ring.

    Of a large circuit the next smaller depth is tried at the same time, on another core: mostly one
    suffices and the other does not, which is the end of the search.
    """

    def __init__(self, form: tuple[int, int, int, int], is_large: bool) -> None:
        self._form, self._is_large = form, is_large
        self._pool = ThreadPoolExecutor(1)
        self._ahead: dict[tuple[int, int], Future[Trace | None]] = {}

    def kept(self, circuit: Circuit, index: int, depth: int) -> Trace | None:
        """What happens where a ring has that depth and the interval stays; else None.

        The circuit is the same whenever a ring is asked for, but for that ring.
        """
        if (index, depth) in self._ahead:
            return self._ahead[index, depth].result()
        if self._is_large:
            smaller = circuit.with_depths({index: depth - 1})
            self._ahead[index, depth - 1] = self._pool.submit(_kept, self._form, smaller)
        return _kept(self._form, circuit.with_depths({index: depth}))


def tight_depths(
    parts: Parts,
    beats_in: int,
    beats_out: int,
    interval: int,
    images: int = 4,
    guesses: Sequence[int | None] | None = None,
    known: Known | None = None,
) -> list[int]:
    """The least depth of each Buffer, in order, with which `images` images keep the interval.

    What the neighbourhood of each ring shows that it needs mostly is enough. Where it is not, each
    in turn is made as small as the interval allows while the later ones are still ample, so
    that in the end one word less in any of them costs cycles or does not hold a window. Where a run
    keeps the interval, no ring needs more than it used there. What one ring needed beyond its
    window is tried first for the next one of its form; `guesses` are tried before that. `known` is
    what regions have shown before, and is added to.

    Raises
    ------
    SimulationError
        If no depths give that interval.
    """
    circuit = with_ample_depths(parts)
    form = beats_in, beats_out, interval, images
    trace = run(circuit, beats_in, beats_out, images)
    if trace.interval != interval:
        raise SimulationError(f"the chain needs {trace.interval} cycles per image, not {interval}")
    enough = trace.held
    least: dict[int, int] = {}
    is_large = pay(interval, len(circuit.parts))
    if is_large:
        least = _needed(Regions(circuit, beats_in, interval, known), circuit, enough)
    if least and keeps(circuit.with_depths(least), beats_in, beats_out, interval, images):
        return [*least.values()]

    def suffices(index: int, part: Buffer, depth: int) -> int | None:
        nonlocal enough
        found = trials.kept(circuit, index, depth)
        if found is None:
            return None
        enough = found.held
        return max(found.held[index], part.least_depth)

    def guess(place: int) -> int | None:
        part = circuit.parts[rings[place]]
        assert isinstance(part, Buffer)
        known = guesses[place] if guesses else None
        beyond = alike.get(_form(part))
        return part.least_depth + beyond if known is None and beyond is not None else known

    def try_together(places: range) -> bool:
        """Whether rings are deep enough at once as they are guessed to be."""
        nonlocal enough
        guessed = {rings[place]: guess(place) for place in places}
        depths = {index: depth for index, depth in guessed.items() if depth is not None}
        found = _kept(form, circuit.with_depths(depths))
        enough = enough if found is None else found.held
        return found is not None

    rings = [index for index, part in enumerate(circuit.parts) if isinstance(part, Buffer)]
    alike: dict[tuple[int, ...], int] = {}  # what the last one like it needed beyond a window
    many = 1
    trials = _Trials(form, is_large)
    for place, index in enumerate(rings):
        part = circuit.parts[index]
        assert isinstance(part, Buffer)
        wanted = guess(place)
        most = max(enough[index], part.least_depth)
        if wanted is not None and many > 1 and wanted < most:
            if try_together(range(place, min(place + many, len(rings)))):
                most, many = max(enough[index], part.least_depth), 2 * many
            else:
                many //= 2
        beyond = None if wanted is None else wanted - part.least_depth
        low = min(least.get(index, part.least_depth), most)
        beyond = None if beyond is None else max(0, part.least_depth + beyond - low)
        depth = _least(low, most, beyond, partial(suffices, index, part))
        many = max(many, 2) if depth == wanted else many
        alike[_form(part)] = depth - part.least_depth
        circuit = circuit.with_depths({index: depth})
    return [part.depth for part in circuit.parts if isinstance(part, Buffer)]


def _needed(regions: Regions, circuit: Circuit, enough: dict[int, int]) -> dict[int, int]:
    """A depth of each ring below which its closest neighbours show that the interval is lost."""
    least: dict[int, int] = {}

    def enough_near(index: int, depth: int) -> int | None:
        return None if regions.too_small(regions.near([index]), {index: depth}) else depth

    alike: dict[tuple[int, ...], int] = {}
    for index, held in enough.items():
        part = circuit.parts[index]
        assert isinstance(part, Buffer)
        low, form = part.least_depth, _form(part)
        suffices = partial(enough_near, index)
        least[index] = _least(low, max(held, low), alike.get(form, 0), suffices)
        alike[form] = least[index] - low
    return least


def _form(part: Buffer) -> tuple[int, ...]:
    """Rings of one form mostly need as much beyond their windows."""
    return part.least_depth, len(part.offsets), part.repeats, len(part.releases), part.images


def _least(low: int, high: int, beyond: int | None, suffices: Callable[[int], int | None]) -> int:
    """The least depth from `low` on that suffices, as `high` does; low + beyond is tried first.

    `suffices` gives the depth that is enough if the one that it is asked for is, else None.
    """
    guess = low if beyond is None else min(low + beyond, high - 1)
    step = 1
    while low < high:
        found = suffices(guess)
        if found is None:
            low, step = guess + 1, 0
        else:
            high = found
        if step:  # not far below, where one like it was not
            guess, step = max(high - step, low), 2 * step
        else:
            guess = (low + high) // 2
    return high
