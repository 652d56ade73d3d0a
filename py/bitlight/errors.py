"""The errors that bitlight raises on purpose; the command line shows each as one line."""

import re

# A NumPy scalar as repr writes it: np.int64(0), np.str_('a').
_SCALAR = re.compile(
    r"\bnp\.(?:u?int\d+|float\d+|longdouble|str_|bytes_)\(([^()]*)\)|\bnp\.(True|False)_"
)


class BitlightError(Exception):
    """Anything the user can put right: the message names the value and what would be right.

    NumPy's scalars stand in it as their values.

    Examples
    --------
    >>> str(BitlightError("not np.int64(0)"))
    'not 0'
    """

    def __init__(self, *arguments: object) -> None:
        plain = (_plain(part) if isinstance(part, str) else part for part in arguments)
        super().__init__(*plain)


def _plain(message: str) -> str:
    return _SCALAR.sub(lambda found: found[1] or found[2] or "", message)


class NetworkError(BitlightError, ValueError):
    """A network, its file, or the images given to it are not as they should be."""


class FoldingError(BitlightError, ValueError):
    """A folding does not fit its network, or no folding can reach what is asked for."""


class SimulationError(BitlightError, RuntimeError):
    """A simulation could not be built or run, stalled, or came out different."""


class SynthesisError(BitlightError, RuntimeError):
    """A design could not be synthesised, placed or routed, or does not fit its device."""


class DataError(BitlightError, ValueError):
    """A data set is missing, damaged, or not of the expected form."""


class FreezingError(BitlightError, ValueError):
    """A torch module that no binary network can represent exactly."""


class TrainingError(BitlightError, ValueError):
    """A recipe, its samples, or what it is resumed from is not as it should be."""


class ExchangeError(BitlightError, ValueError):
    """A file of another format that is damaged, or computes what no binary network can."""


class HeadError(BitlightError, ValueError):
    """A head, its parameters, its file, or what it is trained on is not as it should be."""


class OpticsError(BitlightError, ValueError):
    """An optical projection's parameters, or the frames given to it, are not as they should be."""


class StoreError(BitlightError, ValueError):
    """A feature store is missing, damaged, of other features, or cannot be written."""


def reason(error: BaseException) -> str:
    """What another library's exception says, fit for one line of ours: short and printable.

    Examples
    --------
    >>> reason(KeyError("weight"))
    "KeyError: 'weight'"
    >>> reason(ValueError("not a number\\n at line 3"))
    'not a number'
    """
    line = next(iter(str(error).splitlines()), "")
    if not line or isinstance(error, LookupError):
        line = f"{type(error).__name__}: {line}" if line else type(error).__name__
    line = line if line.isprintable() else ascii(line)[1:-1]
    return line if len(line) <= 200 else f"{line[:197]}..."
