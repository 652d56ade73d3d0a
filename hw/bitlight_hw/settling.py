"""Which queues a pipeline keeps, and how deep its rings are, so that it keeps its interval."""

import itertools
from collections.abc import Iterator

from bitlight_hw import timing
from bitlight_hw.depths import keeps, tight_depths
from bitlight_hw.pipeline import Pipeline
from bitlight_hw.regions import Known, Regions, pay
from bitlight_hw.stages import Stage, circuit, without
from bitlight_hw.units import Window

# Images that a chain is tried with before it is stepped until it settles.
TRIALS = (3, 16, 64)


def settle(pipeline: Pipeline, cycles: int) -> list[Stage] | None:
    """The stages that keep the interval for ever, with no queue or word too many; None if none do.

    A few images mostly tell; where a ring fills up later, more are tried.
    """
    counts = pipeline.beats_in.count, pipeline.beats.count
    form: dict[tuple[str, ...], bool] = {}
    guesses: dict[str, int] = {}
    known: Known = {}
    for images in TRIALS:
        search = _Search(pipeline.stages, (*counts, cycles, images), form, known)
        if not search.keeps(frozenset()):
            continue  # it takes more of them to fill
        stages = search.without_spare()
        rings = {stage.name: stage.unit for stage in stages if isinstance(stage.unit, Window)}
        before = [*map(guesses.get, rings)]
        depths = tight_depths(circuit(stages), *counts, cycles, images, before, known)
        for (name, ring), depth in zip(rings.items(), depths, strict=True):
            ring.depth = guesses[name] = depth
        if timing.run(circuit(stages), *counts).interval == cycles:
            return stages
    return None


class _Search:
    """Which queues may go, one after the other in stream order, so that the interval stays.

    Less room never saves cycles: where some go together, each of them may. Those are tried together
    whose like could go before, as `known` says by what they are called at their node.
    """

    def __init__(
        self,
        stages: list[Stage],
        form: tuple[int, int, int, int],
        known: dict[tuple[str, ...], bool],
        shown: Known,
    ) -> None:
        self._stages = stages
        self._form = form
        self._known = known
        self._shown = shown
        self._pays = pay(form[2], sum(len(stage.unit.timing) for stage in stages))
        self._answers: dict[frozenset[str], bool] = {}

    def without_spare(self) -> list[Stage]:
        """The stages without each queue that can be spared."""
        gone = self._spared(together=True)
        if not self.keeps(gone):
            gone = self._spared(together=False)
        return self._without(gone)

    def keeps(self, gone: frozenset[str]) -> bool:
        """Whether the interval stays without these queues, others being ample."""
        if gone not in self._answers:
            ample = timing.with_ample_depths(circuit(self._without(gone)))
            self._answers[gone] = keeps(ample, *self._form)
        return self._answers[gone]

    def _is_needed(self, gone: frozenset[str], names: frozenset[str]) -> bool:
        """Whether what is around these queues shows that the interval is lost if they go, too."""
        beats_in, _, interval, _ = self._form
        if not self._pays:
            return False
        left = circuit(self._without(gone | names))
        regions = Regions(timing.with_ample_depths(left), beats_in, interval, self._shown)
        ends = {n for s in self._stages if s.name in names for n in (*s.takes, *s.gives)}
        beside = [
            place
            for place, streams in enumerate(zip(left.takes, left.gives, strict=True))
            if ends & {n for some in streams for n in some}
        ]
        return regions.too_small(regions.near(beside), {})

    def _spared(self, together: bool) -> frozenset[str]:
        tried = [*_spare_together(self._stages)]
        gone: frozenset[str] = frozenset()
        may = gone  # all of these together
        many = 1
        for at, (like, names) in enumerate(tried):
            wanted = gone | names
            if gone & names:
                continue
            if self._is_needed(gone, names):
                self._known[like] = False
                continue
            if together and not wanted <= may and self._known.get(like, True):
                ahead = [more for key, more in tried[at + 1 :] if self._known.get(key, many > 1)]
                more = wanted.union(*ahead[: many - 1])
                if self.keeps(more):
                    may, many = more, 2 * many
                else:
                    many = max(many // 2, 1)
            fits = (together and wanted <= may) or self.keeps(wanted)
            self._known[like] = fits
            gone = wanted if fits else gone
        return gone

    def _without(self, gone: frozenset[str]) -> list[Stage]:
        left = self._stages
        for name in [stage.name for stage in left if stage.name in gone]:
            left = without(left, named(left, name))
        return left


def _spare_together(stages: list[Stage]) -> Iterator[tuple[tuple[str, ...], frozenset[str]]]:
    """Queues that may not be needed: of each node all at once, and each by itself.

    Of ways that meet after as many cycles, none needs a queue, but one that has none waits for the
    others' queues. Each with what they are called at their node.
    """
    spare = [stage for stage in stages if stage.spare]
    for node, group in itertools.groupby(spare, lambda stage: stage.node):
        names = [stage.name for stage in group]
        for some in [names] * (len(names) > 1) + [[name] for name in names]:
            yield tuple(name.removeprefix(node) for name in some), frozenset(some)


def named(stages: list[Stage], name: str) -> Stage:
    """The stage of that name, as it is wired now."""
    return next(stage for stage in stages if stage.name == name)
