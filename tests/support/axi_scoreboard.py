"""What the bus wrapper must do, word by word: a model that watches its two streams.

It is told each handshake, and each reset, in the order in which they happen, and holds what comes
out to what went in. It shares nothing with the wrapper but the rules in docs/axi.md.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Word:
    """One word of a stream: the bytes that it has, whether those are its lowest, and its flags."""

    data: bytes
    contiguous: bool
    last: bool
    user: bool = False

    @staticmethod
    def of(data: int, keep: int, last: bool, size: int, user: bool = False) -> "Word":
        """From the values of tdata, tkeep, tlast and tuser, for words of `size` bytes."""
        lanes = data.to_bytes(size, "little")
        kept = bytes(lane for index, lane in enumerate(lanes) if keep >> index & 1)
        return Word(kept, keep == (1 << len(kept)) - 1, last, user)


@dataclass(frozen=True)
class Expected:
    """The result of an image, and whether its frame ends with it; or, without data, a cut."""

    data: bytes | None
    last: bool


@dataclass
class Scoreboard:
    """Expects the result of each good image, once and in order, and nothing else.

    Parameters
    ----------
    results : mapping
        From the bytes of each good image to those of its result.
    size : int, bytes of a word
    bytes_in : int, of an image
    batch : int, images of the frames that begin from now on
    """

    results: Mapping[bytes, bytes]
    size: int
    bytes_in: int
    batch: int = 1
    frames_in: int = 0
    frames_out: int = 0
    framing_errors: int = 0
    dropped: int = 0  # results that a soft reset took away
    cut: bytes | None = None  # what must end with `user`, as the receiver sees it
    pending: deque[Expected] = field(default_factory=deque)
    taken: list[Word] = field(default_factory=list)  # of an image
    given: list[Word] = field(default_factory=list)  # of a result
    images: int = 0  # of the input frame, that are whole
    most: int = 1  # that it may have
    skipping: bool = False  # until the next tlast
    inside: bool = False
    open: bool = False  # an output frame has results, and no end

    @property
    def idle(self) -> bool:
        """Whether nothing more may come out."""
        return not self.pending and self.cut is None

    def take(self, word: Word) -> None:
        """A word went in."""
        if not self.inside:
            self.images, self.most = 0, self.batch
        self.inside = not word.last
        if self.skipping:
            self.skipping = not word.last
            return
        self.taken.append(word)
        words = -(-self.bytes_in // self.size)
        if not word.last and len(self.taken) < words:
            return
        data = b"".join(each.data for each in self.taken)
        sound = all(each.contiguous for each in self.taken)
        sound = sound and all(len(each.data) == self.size for each in self.taken[:-1])
        last = self.images == self.most - 1
        size = self.bytes_in if last else words * self.size
        if sound and word.last == last and len(data) == size:
            self.frames_in += last
            self.images += 1
            self.pending.append(Expected(self.results[data[: self.bytes_in]], last))
        else:
            self.framing_errors += 1
            self.skipping = not word.last
            if self.images:
                self.pending.append(Expected(None, True))
        self.taken.clear()

    def give(self, word: Word) -> None:
        """A word came out."""
        assert word.contiguous, f"bytes {word.data.hex()} are not the lowest of their word"
        assert word.last or len(word.data) == self.size, "a byte is missing inside a frame"
        assert word.last or not word.user, "tuser is set inside a frame"
        self.given.append(word)
        data = b"".join(each.data for each in self.given)
        if self.cut is not None:
            if word.last:
                self._end(word, data, self.cut)
                self.cut = None
            return
        assert self.pending, f"a word came that nothing asked for: {data.hex()}"
        expected = self.pending[0]
        if expected.data is None:
            self._end(word, data, b"\0")
            self.pending.popleft()
            return
        words = -(-len(expected.data) // self.size)
        if not word.last and len(self.given) < words:
            return
        self.given.clear()
        self.pending.popleft()
        assert not word.user, "a whole frame has tuser"
        result = expected.data if expected.last else expected.data.ljust(words * self.size, b"\0")
        assert data == result, f"result {self.frames_out} is {data.hex()}, not {result.hex()}"
        assert word.last == expected.last, f"a frame {'ends' if word.last else 'goes on'} too soon"
        self.open = not word.last
        self.frames_out += word.last

    def _end(self, word: Word, data: bytes, cut: bytes) -> None:
        """A frame that is cut, by a bad image or a soft reset, is given to its end."""
        self.given.clear()
        assert word.user, "a frame that is cut ends without tuser"
        assert data == cut, f"a cut frame is {data.hex()}, not {cut.hex()}"
        self.open = False

    def soft_reset(self, offered: Word | None) -> None:
        """A soft reset, after the words of its cycle; `offered` is out and not taken yet."""
        self.skipping = self.inside
        self.taken.clear()
        before = sum(each.data is not None for each in self.pending)
        if self.cut is None and offered is not None and offered.last:
            self.pending = deque([*self.pending][:1])
        else:
            if self.cut is None and (self.given or offered is not None or self.open):
                words = [*self.given, *([offered] if offered is not None else [])]
                self.cut = b"".join(word.data for word in words) + b"\0"
            self.pending.clear()
        self.dropped += before - sum(each.data is not None for each in self.pending)

    def hard_reset(self) -> None:
        """All is as in the beginning."""
        self.skipping = self.inside = self.open = False
        self.cut, self.batch, self.images = None, 1, 0
        for kept in (self.pending, self.taken, self.given):
            kept.clear()
        self.frames_in = self.frames_out = self.framing_errors = 0
