"""Names of classes: what the labels of two sources have in common, never their order.

A folder that lacks a class numbers the others differently. So wherever labels of two sources meet,
they are brought together by name here, or refused.
"""

from collections.abc import Sequence

import numpy as np

from bitlight.errors import DataError


def check_names(names: object, what: str) -> tuple[str, ...]:
    """Class names from a file or a caller, once they are texts, no two alike.

    Raises
    ------
    ValueError
        If they are not.
    """
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{what} are no list of texts")
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise ValueError(f"{what} have {twice!r:.80} twice")
    for name in names:
        name.encode()  # halves of surrogate pairs are no text
    return tuple(names)


def translation(
    names: Sequence[str], wanted: Sequence[str], what: str, *, labels: np.ndarray | None = None
) -> np.ndarray:
    """For each of one source's labels the other source's label of the same name.

    Parameters
    ----------
    names : sequence of str
        Of the labels 0, 1, … of one source; empty if it has none.
    wanted : sequence of str
        Of those of the other.
    what : str
        What the first source is, for the message.
    labels : int array, optional
        Those that occur; a name that the other source lacks is refused only if it does. By default
        all do.

    Returns
    -------
    int64 array, shape (max(len(names), len(wanted)),)
        The same numbers where neither has names; −1 for names that the other lacks.

    Raises
    ------
    DataError
        If a name is unknown to the other source, or only one of them has names.

    Examples
    --------
    >>> translation(["bee", "cat"], ["ant", "bee", "cat"], "photos")
    array([1, 2])
    >>> translation(["dog"], ["ant", "bee"], "photos")
    Traceback (most recent call last):
      ...
    bitlight.errors.DataError: photos has the class 'dog', which is none of ant, bee
    """
    if not names and not wanted:
        return np.empty(0, np.int64)
    if not names or not wanted:
        raise DataError(
            f"{what} has {'no names' if wanted else 'names'} for its classes, and what it is "
            f"compared with has {'some' if wanted else 'none'}: labels can only be matched by name"
        )
    places = {name: place for place, name in enumerate(wanted)}
    found = np.array([places.get(name, -1) for name in names], np.int64)
    occurring = range(len(names)) if labels is None else np.unique(labels[labels >= 0]).tolist()
    for label in occurring:
        if label >= len(names):
            raise DataError(f"{what} has the label {label}, and names for {len(names)} classes")
        if found[label] < 0:
            known = ", ".join(wanted[:10]) + (", …" if len(wanted) > 10 else "")
            raise DataError(f"{what} has the class {names[label]!r}, which is none of {known}")
    return found


def translate(
    labels: np.ndarray, names: Sequence[str], wanted: Sequence[str], what: str
) -> np.ndarray:
    """Labels of one source as those of another, by name; −1, which is unknown, stays.

    Raises
    ------
    DataError
        As `translation`.
    """
    table = translation(names, wanted, what, labels=labels)
    if not len(table):
        return labels
    return np.where(labels < 0, -1, table[np.maximum(labels, 0)])
