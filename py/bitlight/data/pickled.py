"""A reader for pickles that are a dict of lists, texts, numbers and uint8 arrays: nothing is run.

A pickle is a program for a small stack machine, and Python's own reader lets it call anything. This
one knows the steps that CIFAR's batches take and no others. It never imports or calls what a pickle
names: the three names of NumPy's array reconstruction are recognised as texts, and the array is
made here of the bytes that are in the file.
"""

import io
import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bitlight.errors import DataError, reason

# CIFAR's batches take 4 steps for an image, which has 3,072 bytes.
FEWEST_STEPS, BYTES_PER_STEP = 1024, 64
FRAME_BYTES = 9  # of the step itself
DIMENSIONS = 4
DTYPE_STATE = (3, "|", None, None, None, -1, -1, 0)


@dataclass(frozen=True)
class _Name:
    """What a pickle would import."""

    text: str


class _Mark:
    """Where the items of a list, tuple or dict begin."""


class _Array:
    """An array that is not filled yet, or is."""

    def __init__(self, value: np.ndarray | None = None) -> None:
        self.value = value


class _Dtype:
    """uint8, the only one."""


_RECONSTRUCT = {
    _Name("numpy.core.multiarray._reconstruct"),
    _Name("numpy._core.multiarray._reconstruct"),
}
_FROM_BUFFER = {_Name("numpy.core.numeric._frombuffer"), _Name("numpy._core.numeric._frombuffer")}
_NDARRAY, _DTYPE = _Name("numpy.ndarray"), _Name("numpy.dtype")
_KNOWN = {*_RECONSTRUCT, *_FROM_BUFFER, _NDARRAY, _DTYPE}


def read_pickle(content: bytes, source: object) -> dict[str, Any]:
    """What a pickle of a dict holds, without running it.

    Parameters
    ----------
    content : bytes
        Of protocol 2 or later, as Python 2 and 3 write them.
    source : object
        Where it is from, for messages.

    Returns
    -------
    dict of str to int, str, bytes, bool, None, list, tuple, dict or uint8 array
        Texts of Python 2 are Latin-1.

    Raises
    ------
    DataError
        If it is damaged, takes another step, names anything but NumPy's arrays, or more steps than
        a sixty-fourth of its bytes.

    Examples
    --------
    >>> import pickle
    >>> read_pickle(pickle.dumps({b"labels": [3, 1]}, 2 + 1), "a batch")
    {'labels': [3, 1]}
    >>> import os
    >>> read_pickle(pickle.dumps({"labels": os.getcwd}), "a batch")
    Traceback (most recent call last):
      ...
    bitlight.errors.DataError: a batch is refused: it names 'posix.getcwd', which is no array
    """
    try:
        found = _Machine(len(content)).run(content)
    except DataError as error:
        raise DataError(f"{source} is refused: {error}") from None
    except Exception as error:
        # pickletools and the stack raise whatever the bytes lead them to.
        raise DataError(f"{source} is not a whole pickle: {reason(error)}") from error
    if not isinstance(found, dict):
        raise DataError(f"{source} holds a {type(found).__name__.strip('_').lower()}, not a dict")
    return {_text(key): _settled(value, source) for key, value in found.items()}


def _text(key: object) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else str(key)


def _settled(value: Any, source: object) -> Any:
    if isinstance(value, _Array):
        if value.value is None:
            raise DataError(f"{source} is refused: an array in it is never filled")
        return value.value
    if isinstance(value, _Name | _Dtype):
        raise DataError(f"{source} is refused: it holds what is no data")
    return value


class _Machine:
    """The stack and the memo while a pickle of so many bytes is read."""

    def __init__(self, size: int) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._steps = FEWEST_STEPS + size // BYTES_PER_STEP

    def run(self, content: bytes) -> Any:
        """Take every step; what is left is the answer."""
        steps = pickletools.genops(io.BytesIO(content))
        for number, (opcode, argument, place) in enumerate(steps):
            if number >= self._steps:
                raise DataError(f"it takes more than {self._steps} steps, too many for its size")
            if opcode.name == "STOP":
                break
            if opcode.name in _PUSHED:
                self._stack.append(argument)
            elif opcode.name in _STEPS:
                _STEPS[opcode.name](self, argument)
            elif opcode.name == "FRAME":
                if int(argument or 0) > len(content) - (place or 0) - FRAME_BYTES:
                    raise DataError("it is cut within a frame")
            elif opcode.name != "PROTO":
                raise DataError(f"it has the step {opcode.name}, which no list or array needs")
        found = self.pop()
        if self._stack:
            raise DataError("it leaves more than one thing")
        return found

    def _since_mark(self) -> list[Any]:
        place = len(self._stack) - 1
        while not isinstance(self._stack[place], _Mark):
            place -= 1  # beyond the first value, the list itself raises
        items = self._stack[place + 1 :]
        del self._stack[place:]
        return items

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def top(self) -> Any:
        """The last value, above the last mark."""
        if not self._stack or isinstance(self._stack[-1], _Mark):
            raise DataError("its stack is empty")
        return self._stack[-1]

    def pop(self) -> Any:
        """Take the last value."""
        found = self.top()
        del self._stack[-1]
        return found

    def pop_two(self) -> list[Any]:
        """Take the last two values; the last one comes second."""
        second = self.pop()
        return [self.pop(), second]

    def put(self, place: int | None) -> None:
        """Remember the last value."""
        self._memo[len(self._memo) if place is None else place] = self.top()

    def get(self, place: int) -> None:
        """Bring back what was remembered."""
        self.push(self._memo[place])

    def make_tuple(self, count: int | None) -> None:
        """Of the last so many values, or of those since the mark."""
        if count is None:
            self.push(tuple(self._since_mark()))
            return
        items = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def extend(self, items: list[Any]) -> None:
        """A list, by items."""
        target = self.top()
        if not isinstance(target, list):
            raise DataError("it adds items to what is no list")
        target.extend(items)

    def update(self, items: list[Any]) -> None:
        """A dict, by keys and values in turn."""
        target, keys, values = self.top(), items[::2], items[1::2]
        if not isinstance(target, dict) or len(keys) != len(values):
            raise DataError("it sets keys and values of what is no dict")
        for key, value in zip(keys, values, strict=True):
            if not isinstance(key, str | bytes):
                raise DataError(f"it has a key that is {type(key).__name__}, and no text")
            target[key] = value

    def name(self, module: object, name: object) -> None:
        """Take a name, which is not looked up."""
        found = _Name(f"{module}.{name}")
        if found not in _KNOWN:
            raise DataError(f"it names {found.text!r:.80}, which is no array")
        self.push(found)

    def reduce(self) -> None:
        """Begin an array, or name its type."""
        called, arguments = self.pop_two()
        if called in _RECONSTRUCT and arguments[0] == _NDARRAY:
            self.push(_Array())
        elif called == _DTYPE and arguments[0] in ("u1", "uint8"):
            self.push(_Dtype())
        elif called == _DTYPE:
            raise DataError(f"it has an array of {arguments[0]!r:.20}, not of uint8")
        elif called in _FROM_BUFFER:
            content, dtype, shape, order = arguments
            self.push(_Array(_filled(shape, dtype, order == "F", content)))
        else:
            raise DataError("it calls what makes no array")

    def build(self) -> None:
        """Fill an array."""
        state, target = self.pop(), self.top()
        if isinstance(target, _Dtype) and state == DTYPE_STATE:
            return
        if not isinstance(target, _Array):
            raise DataError("it fills what is no array of uint8")
        version, shape, dtype, fortran, content = state
        if version != 1 or fortran not in (0, 1):
            raise DataError("it has an array of another version")
        target.value = _filled(shape, dtype, bool(fortran), content)


def _filled(shape: Any, dtype: Any, fortran: bool, content: Any) -> np.ndarray:
    if not isinstance(dtype, _Dtype):
        raise DataError("it has an array of objects; only those of uint8 are read")
    if isinstance(content, str):  # as Python 2 wrote bytes
        content = content.encode("latin-1")
    if not isinstance(content, bytes | bytearray):
        raise DataError(f"it has an array made of {type(content).__name__}, not of bytes")
    fits = (
        isinstance(shape, tuple)
        and len(shape) <= DIMENSIONS
        and all(type(n) is int and n >= 0 for n in shape)
        and math.prod(shape) == len(content)
    )
    if not fits:
        raise DataError(f"it has an array of {shape!r:.60} of {len(content)} bytes")
    return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


_PUSHED = {
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINSTRING",
    "SHORT_BINSTRING",
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINBYTES",
    "BINBYTES8",
    "SHORT_BINBYTES",
    "BYTEARRAY8",
}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "MARK": lambda machine, _: machine.push(_Mark()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE": lambda machine, _: machine.make_tuple(None),
    "TUPLE1": lambda machine, _: machine.make_tuple(1),
    "TUPLE2": lambda machine, _: machine.make_tuple(2),
    "TUPLE3": lambda machine, _: machine.make_tuple(3),
    "APPEND": lambda machine, _: machine.extend([machine.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine._since_mark()),
    "SETITEM": lambda machine, _: machine.update(machine.pop_two()),
    "SETITEMS": lambda machine, _: machine.update(machine._since_mark()),
    "BINPUT": lambda machine, place: machine.put(place),
    "LONG_BINPUT": lambda machine, place: machine.put(place),
    "MEMOIZE": lambda machine, _: machine.put(None),
    "BINGET": lambda machine, place: machine.get(place),
    "LONG_BINGET": lambda machine, place: machine.get(place),
    "GLOBAL": lambda machine, names: machine.name(*names.rsplit(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.name(*machine.pop_two()),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
}
