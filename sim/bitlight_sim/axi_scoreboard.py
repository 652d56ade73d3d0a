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


@dataclass
class Scoreboard:
    """Expects the result of each good frame, once and in order, and nothing else.

    Parameters
    ----------
    results : mapping
        From the bytes of each good frame to those of its result.
    size : int, bytes of a word
    bytes_in : int, of a frame
    """

    results: Mapping[bytes, bytes]
    size: int
    bytes_in: int
    frames_in: int = 0
    frames_out: int = 0
    framing_errors: int = 0
    dropped: int = 0  # results that a soft reset took away
    cut: bytes | None = None  # the frame that must end with `user`, as the receiver sees it
    pending: deque[bytes] = field(default_factory=deque)
    taken: list[Word] = field(default_factory=list)
    given: list[Word] = field(default_factory=list)
    skipping: bool = False  # until the next tlast
    inside: bool = False

    @property
    def idle(self) -> bool:
        """Whether nothing more may come out."""
        return not self.pending and self.cut is None

    def take(self, word: Word) -> None:
        """A word went in."""
        self.inside = not word.last
        if self.skipping:
            self.skipping = not word.last
            return
        self.taken.append(word)
        full = len(self.taken) == -(-self.bytes_in // self.size)
        if not word.last and not full:
            return
        data = b"".join(each.data for each in self.taken)
        sound = all(each.contiguous for each in self.taken)
        sound = sound and all(len(each.data) == self.size for each in self.taken[:-1])
        if word.last and sound and len(data) == self.bytes_in:
            self.frames_in += 1
            self.pending.append(self.results[data])
        else:
            self.framing_errors += 1
            self.skipping = not word.last
        self.taken.clear()

    def give(self, word: Word) -> None:
        """A word came out."""
        assert word.contiguous, f"bytes {word.data.hex()} are not the lowest of their word"
        assert word.last or len(word.data) == self.size, "a byte is missing inside a frame"
        assert word.last or not word.user, "tuser is set inside a frame"
        self.given.append(word)
        if not word.last:
            assert not self.idle, "a frame begins that nothing asked for"
            return
        data = b"".join(each.data for each in self.given)
        self.given.clear()
        if self.cut is not None:
            assert word.user, "a frame that a soft reset cut ends without tuser"
            assert data == self.cut, f"a cut frame is {data.hex()}, not {self.cut.hex()}"
            self.cut = None
            return
        assert not word.user, "a whole frame has tuser"
        assert self.pending, f"a frame came that nothing asked for: {data.hex()}"
        expected = self.pending.popleft()
        assert data == expected, f"result {self.frames_out} is {data.hex()}, not {expected.hex()}"
        self.frames_out += 1

    def soft_reset(self, offered: Word | None) -> None:
        """A soft reset, after the words of its cycle; `offered` is out and not taken yet."""
        self.skipping = self.inside
        self.taken.clear()
        before = len(self.pending)
        if self.cut is None and offered is not None and offered.last:
            kept = 0 if offered.user else 1
            self.pending = deque([*self.pending][:kept])
        else:
            if self.cut is None and (self.given or offered is not None):
                words = [*self.given, *([offered] if offered is not None else [])]
                self.cut = b"".join(word.data for word in words) + b"\0"
            self.pending.clear()
        self.dropped += before - len(self.pending)

    def hard_reset(self) -> None:
        """All is as in the beginning."""
        self.skipping = self.inside = False
        self.cut = None
        for kept in (self.pending, self.taken, self.given):
            kept.clear()
        self.frames_in = self.frames_out = self.framing_errors = 0
