"""Which of a head's classes the labels of other images are: by name, or by number."""

from collections.abc import Sequence

import numpy as np

from bitlight.data.classes import translate
from bitlight.errors import DataError
from bitlight.heads.head import Head


def class_places(head: Head, labels: np.ndarray, names: Sequence[str], what: str) -> np.ndarray:
    """Place of each label among the head's classes; numbers count where one has no names.

    Parameters
    ----------
    head : Head
    labels : int array (N,)
    names : sequence of str
        Of the labels, if there are any.
    what : str
        What these images are, for messages.

    Raises
    ------
    DataError
        If the head does not know one of them.
    """
    if names and head.class_names_:
        return translate(labels, names, head.class_names_, what)
    places = np.searchsorted(head.classes_, labels).clip(max=len(head.classes_) - 1)
    unknown = head.classes_[places] != labels
    if unknown.any():
        raise DataError(f"{what} has the label {labels[unknown][0]}, which the head does not know")
    return places


def check_numbers(head: Head, names: Sequence[str], labels: np.ndarray, nameless: str) -> None:
    """Refuse labels whose numbers may not be the head's: a lacking class shifts the others.

    Raises
    ------
    DataError
    """
    known, found = len(head.classes_), len(names)
    if not found:
        found = int(labels.max(initial=-1)) + 1
    if found != known:
        raise DataError(
            f"{nameless} has no class names, and there are {known} classes in the head and {found} "
            "in the features: labels could only be matched by name"
        )
