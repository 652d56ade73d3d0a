"""Tables in Markdown."""

from collections.abc import Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column stands to the left, the others to the right.

    Examples
    --------
    >>> print(table(["row", "top 1"], [["ridge", "88.7"]]), end="")
    | row | top 1 |
    |---|---:|
    | ridge | 88.7 |
    """
    lines = [columns, *rows]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    text.insert(1, "|---|" + "---:|" * (len(columns) - 1))
    return "\n".join(text) + "\n"


def percent(interval: tuple[float, float, float]) -> str:
    """A share and its interval.

    Examples
    --------
    >>> percent((0.887, 0.873, 0.901))
    '88.7 (87.3–90.1)'
    """
    value, lower, upper = (100 * number for number in interval)
    return f"{value:.1f} ({lower:.1f}–{upper:.1f})"


def signed(interval: tuple[float, float, float]) -> str:
    """A difference of shares and its interval, in points.

    Examples
    --------
    >>> signed((0.012, -0.003, 0.027))
    '+1.2 (−0.3 to +2.7)'
    """
    value, lower, upper = (f"{100 * number:+.1f}".replace("-", "−") for number in interval)
    return f"{value} ({lower} to {upper})"
