"""Framing: so many words for each frame whatever comes, and a mark that says if it was good."""

import random

import pytest
from amaranth.sim import Simulator

from bitlight_hw.axi.framing import Framing

WIDTH = 24
SIZE = WIDTH // 8
ALL = (1 << SIZE) - 1


def judged(frame, count, tail, batch=1):
    """The words that a frame becomes, and the marks (good, end) of its images, by the rules."""
    words, marks = [], []
    for image in range(batch):
        part = frame[image * count : (image + 1) * count]
        end = image == batch - 1
        keeps = [ALL] * (count - 1) + [(1 << tail) - 1 if end else ALL]
        good = [keep for _, keep in part] == keeps
        good = good and (len(frame) == batch * count if end else len(frame) > (image + 1) * count)
        words += [word for word, _ in part] + [0] * (count - len(part))
        marks.append((int(good), int(end or not good)))
        if not good:
            break
    return words, marks


def drawn(rng, count, tail, batch=1):
    """A frame of (data, keep): good, or of a wrong length, or with a hole."""
    count *= batch
    frame = [(rng.getrandbits(WIDTH), ALL) for _ in range(count)]
    frame[-1] = (frame[-1][0], (1 << tail) - 1)
    match rng.choice(["good", "good", "short", "long", "keep"]):
        case "short":
            frame = frame[: rng.randrange(1, count + 1)]
            frame[-1] = (frame[-1][0], (1 << rng.randrange(SIZE + 1)) - 1)
        case "long":
            frame += [(rng.getrandbits(WIDTH), ALL)] * rng.randrange(1, 2 * count)
        case "keep":
            place = rng.randrange(count)
            frame[place] = (frame[place][0], rng.randrange(1 << SIZE))
    return frame


class Run:
    """Drives frames through, with pauses, and resets in the cycles of `restarts`."""

    def __init__(self, frames, count, tail, *, idle=0.0, busy=0.0, restarts=(), seed=0, batch=1):
        self.batch = batch
        self.words = [
            (data, keep, place == len(frame) - 1)
            for frame in frames
            for place, (data, keep) in enumerate(frame)
        ]
        self.unit = Framing(WIDTH, count=count, tail=tail)
        self.idle, self.busy, self.restarts = idle, busy, restarts
        self.random = random.Random(seed)
        self.given, self.marks, self.events = [], [], []
        simulator = Simulator(self.unit)
        simulator.add_clock(1e-6)
        simulator.add_testbench(self._bench)
        simulator.run()

    async def _bench(self, ctx):
        unit, sent, offering, quiet = self.unit, 0, False, 0
        cycle = -1
        ctx.set(unit.batch, self.batch)
        while quiet < 20:
            cycle += 1
            assert cycle < 5000, "the stream stands still"
            offering = offering or (sent < len(self.words) and self.random.random() >= self.idle)
            if offering:
                data, keep, last = self.words[sent]
                ctx.set(unit.data, data)
                ctx.set(unit.keep, keep)
                ctx.set(unit.last, last)
            ctx.set(unit.valid, 0)
            before = ctx.get(unit.ready)
            ctx.set(unit.valid, offering)
            assert ctx.get(unit.ready) == before, "ready depends on valid"
            ctx.set(unit.words.ready, self.random.random() >= self.busy)
            ctx.set(unit.marks.ready, self.random.random() >= self.busy / 2)
            ctx.set(unit.restart, cycle in self.restarts)
            taken = offering and ctx.get(unit.ready)
            inside = ctx.get(unit.inside)
            if ctx.get(unit.marks.valid) and ctx.get(unit.marks.ready):
                mark = unit.marks.payload
                self.marks.append((ctx.get(mark.good), ctx.get(mark.end)))
                self.events.append(("mark", cycle))
            if ctx.get(unit.words.valid) and ctx.get(unit.words.ready):
                self.given.append(ctx.get(unit.words.payload))
                self.events.append(("word", cycle))
            if cycle in self.restarts:
                self.events.append(("restart", sent + bool(taken)))
                self.given.clear()
                self.marks.clear()
            await ctx.tick()
            assert ctx.get(unit.inside) == (not self.words[sent][2] if taken else inside)
            sent += bool(taken)
            offering = offering and not taken
            quiet = quiet + 1 if sent == len(self.words) and not taken else 0


@pytest.mark.parametrize("pauses", [(0.0, 0.0), (0.6, 0.0), (0.0, 0.6), (0.4, 0.4)])
@pytest.mark.parametrize(("count", "tail"), [(1, 2), (1, 3), (4, 1), (3, 3)])
def test_frames_become_words_and_marks(count, tail, pauses):
    rng = random.Random(count + tail)
    frames = [drawn(rng, count, tail) for _ in range(40)]
    idle, busy = pauses
    run = Run(frames, count, tail, idle=idle, busy=busy)
    expected = [judged(frame, count, tail) for frame in frames]
    assert run.given == [word for words, _ in expected for word in words]
    assert run.marks == [mark for _, marks in expected for mark in marks]
    assert {0, 1} == {good for good, _ in run.marks}


@pytest.mark.parametrize("batch", [2, 3])
@pytest.mark.parametrize(("count", "tail"), [(1, 2), (4, 1), (3, 3)])
def test_frames_of_several_images(count, tail, batch):
    rng = random.Random(count + tail + batch)
    frames = [drawn(rng, count, tail, rng.choice([batch, batch, 1])) for _ in range(60)]
    run = Run(frames, count, tail, idle=0.3, busy=0.3, batch=batch)
    expected = [judged(frame, count, tail, batch) for frame in frames]
    assert run.given == [word for words, _ in expected for word in words]
    assert run.marks == [mark for _, marks in expected for mark in marks]
    assert {(1, 0), (1, 1), (0, 1)} == set(run.marks)


def test_a_batch_of_none_is_of_one():
    run = Run([[(7, ALL)] * 2] * 3, 2, SIZE, batch=0)
    assert run.marks == [(1, 1)] * 3


@pytest.mark.parametrize(("count", "tail"), [(1, 2), (4, 1)])
def test_a_mark_comes_no_later_than_the_last_word(count, tail):
    rng = random.Random(1)
    run = Run([drawn(rng, count, tail) for _ in range(40)], count, tail, busy=0.5)
    marks = [cycle for kind, cycle in run.events if kind == "mark"]
    words = [cycle for kind, cycle in run.events if kind == "word"]
    assert all(mark <= end for mark, end in zip(marks, words[count - 1 :: count], strict=True))


def test_good_frames_take_a_cycle_for_each_word():
    frames = [[(0, ALL)] * 4] * 5
    run = Run(frames, 4, SIZE)
    assert [cycle for kind, cycle in run.events if kind == "word"] == list(range(20))


@pytest.mark.parametrize("seed", range(30))
def test_a_restart_goes_on_with_the_next_frame(seed):
    rng = random.Random(seed)
    count, tail = rng.choice([(1, 2), (4, 1), (3, 3)])
    frames = [drawn(rng, count, tail) for _ in range(12)]
    restarts = {rng.randrange(30) for _ in range(rng.choice([1, 1, 2]))}
    idle, busy = rng.choice([(0.0, 0.0), (0.3, 0.3)])
    run = Run(frames, count, tail, idle=idle, busy=busy, restarts=restarts, seed=seed)
    taken = [place for kind, place in run.events if kind == "restart"]
    ends = [sum(map(len, frames[:place])) for place in range(len(frames) + 1)]
    begun = next((index for index, end in enumerate(ends) if end >= taken[-1]), len(frames))
    expected = [judged(frame, count, tail) for frame in frames[begun:]]
    assert run.given == [word for words, _ in expected for word in words]
    assert run.marks == [mark for _, marks in expected for mark in marks]
