"""Functions that differ in places alone, as one function that is given the places."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

REFERENCE = re.compile(r"\b(?:([VW])\[(\d+)\]|n(\d+)\b)")
TYPES = {"V": "Vector", "W": "Word"}
PARAMETERS = 8  # of one function: with more, places would be read from memory again and again


@dataclass(frozen=True)
class Shared:
    """One function for some bodies.

    Attributes
    ----------
    parameters : str
    body : str
    calls : dict of index of a body to its arguments
    """

    parameters: str
    body: str
    calls: dict[int, str]


def share(bodies: Sequence[str]) -> list[Shared]:
    """Functions for bodies of statements, in which places are as in V[12] and locals as in n34.

    Examples
    --------
    >>> share(["const Vector n7 = V[0] ^ V[1]; V[9] = n7;",
    ...        "const Vector n8 = V[0] ^ V[3]; V[6] = n8;"])[0].body
    'const Vector n0 = V[0] ^ a0[0]; a1[0] = n0;'
    """
    alike: dict[str, list[int]] = defaultdict(list)
    places: list[list[int]] = []
    for index, body in enumerate(bodies):
        text, found = _shape(body)
        alike[text].append(index)
        places.append(found)
    return [
        function
        for text, some in alike.items()
        for function in _functions(text, {index: places[index] for index in some})
    ]


def _shape(body: str) -> tuple[str, list[int]]:
    """The text with a number for each place and local, from 0 on; and the places."""
    places: dict[tuple[str, str], int] = {}
    names: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        array, place, name = found.groups()
        if name is not None:
            return f"n{names.setdefault(name, len(names))}"
        return f"{array}[{places.setdefault((array, place), len(places))}]"

    return REFERENCE.sub(numbered, body), [int(place) for _, place in places]


def _functions(text: str, places: dict[int, list[int]]) -> list[Shared]:
    """One function for all bodies of a shape, or one for each if it had too many parameters.

    Places at equal distances in all bodies share a parameter, and those that are equal need none.
    """
    table = np.array(list(places.values()), np.int64).reshape(len(places), -1)
    arrays = {int(found[2]): found[1] for found in REFERENCE.finditer(text) if found[1]}
    spread = [tuple(column) for column in (table - table[0]).T.tolist()]
    groups: dict[tuple[str, tuple[int, ...]], list[int]] = defaultdict(list)
    for slot, array in arrays.items():
        if any(spread[slot]):
            groups[array, spread[slot]].append(slot)
    if len(groups) > PARAMETERS:
        return [one for index, row in places.items() for one in _functions(text, {index: row})]
    named = {slot: f"{array}[{table[0, slot]}]" for slot, array in arrays.items()}
    first = [min(slots, key=lambda slot: table[0, slot]) for slots in groups.values()]
    for number, (slots, base) in enumerate(zip(groups.values(), first, strict=True)):
        for slot in slots:
            named[slot] = f"a{number}[{table[0, slot] - table[0, base]}]"
    body = REFERENCE.sub(lambda found: named[int(found[2])] if found[1] else found[0], text)
    given = [array for array, _ in groups]
    parameters = ", ".join(f"{TYPES[array]}* a{n}" for n, array in enumerate(given))
    calls = {
        index: ", ".join(f"{array} + {row[base]}" for array, base in zip(given, first, strict=True))
        for index, row in places.items()
    }
    return [Shared(parameters, body, calls)]
