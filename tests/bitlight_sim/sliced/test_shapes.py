"""Functions that are shared do what each body did by itself."""

import re

import numpy as np

from bitlight_sim.sliced.shapes import PARAMETERS, share


def body(rng, places, local):
    """Some statements of one form between places that are given."""
    a, b, c, d = places
    return (
        f"const Vector n{local} = V[{a}] ^ spread(W[{b}]);\n"
        f"const Vector n{local + 1} = V[{c}] & n{local};\n"
        f"V[{d}] = n{local + 1};"
    )


def given(function, index):
    """The body of a function with its arguments in place of its parameters."""
    bases = dict(enumerate(re.findall(r"([VW]) \+ (\d+)", function.calls[index])))

    def put(found):
        array, base = bases[int(found[1])]
        return f"{array}[{int(base) + int(found[2])}]"

    return re.sub(r"\ba(\d+)\[(\d+)\]", put, function.body)


def renamed(text):
    """With locals numbered in the order in which they come."""
    names = {}
    return re.sub(r"\bn\d+\b", lambda m: f"n{names.setdefault(m[0], len(names))}", text)


def check(bodies):
    functions = share(bodies)
    assert sorted(index for one in functions for index in one.calls) == [*range(len(bodies))]
    for function in functions:
        for index in function.calls:
            assert given(function, index) == renamed(bodies[index])
    return functions


def test_every_body_is_called_with_its_places():
    rng = np.random.default_rng(0)
    some = [body(rng, rng.integers(0, 50, 4), n) for n in range(40)]
    check([*some, "V[1] = V[1];", "V[1] = V[2];", "V[0] = W[0];", "output();"])


def test_places_at_equal_distances_share_a_parameter():
    (function,) = check([f"V[{n}] = V[{n + 7}] ^ V[3] ^ W[{2 * n + 9}];" for n in range(20, 30)])
    assert function.parameters == "Vector* a0, Word* a1"
    assert function.body == "a0[0] = a0[7] ^ V[3] ^ a1[0];"


def test_too_many_places_are_not_shared():
    rng = np.random.default_rng(0)
    many = [
        " ".join(f"V[{place}] = ones;" for place in rng.choice(1000, PARAMETERS + 1, False))
        for _ in range(3)
    ]
    assert len(check(many)) == 3
