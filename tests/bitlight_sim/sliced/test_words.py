"""The clock edge of words: registers and memories that share their conditions become one."""

import numpy as np
import pytest

from bitlight_sim.sliced.netlist import Move
from bitlight_sim.sliced.words import merged, rows, tables

NETS = 40


def after(state, moves, memories):
    """All nets behind a clock edge."""
    found = state.copy()
    for move in moves:
        if move.memory is not None:
            if state[move.enable]:
                row = int(state[list(move.address)] @ (1 << np.arange(len(move.address))))
                found[list(move.q)] = memories[move.memory][row]
        elif state[move.reset]:
            found[list(move.q)] = move.value
        elif state[move.enable]:
            found[list(move.q)] = state[list(move.d)]
    return found


@pytest.fixture
def drawn():
    """Moves of nets 10 to 29, and the memories of some of them: conditions are nets 2 to 5."""
    rng = np.random.default_rng(0)
    memories = [rng.random(shape) < 0.5 for shape in [(8, 3), (4, 2), (8, 70), (8, 1)]]
    moves = [
        Move((30, 31), (10, 11), 2, 3, (0, 1)),
        Move(q=(12, 13, 14), enable=2, memory=0, address=(6, 7, 8)),
        Move((32,), (15,), 2, 4, (1,)),  # another reset
        Move(q=(16, 17), enable=2, memory=1, address=(6, 7)),  # another depth
        Move((33,), (18,), 2, 3, (1,)),  # with the first
        Move(q=(19,), enable=2, memory=3, address=(6, 7, 8)),  # with the second
        Move((19, 10), (20, 21), 5, 3, (0, 0)),  # another enable, and what others change
    ]
    return moves, memories


def test_the_same_happens(drawn):
    moves, memories = drawn
    edge = merged(moves, memories)
    assert [len(move.q) for move in edge.changes] == [3, 1, 2]
    assert [words.shape for words in edge.memories] == [(8, 4), (4, 2)]
    rng = np.random.default_rng(1)
    for state in rng.integers(0, 2, (200, NETS)):
        one = after(state, [*edge.changes, *edge.reads], edge.memories)
        assert (one == after(state, moves, memories)).all()


def test_rows_are_whole_words(drawn):
    moves, memories = drawn
    wide = Move(q=tuple(range(100, 170)), enable=2, memory=2, address=(6, 7, 8))
    edge = merged([*moves, wide], memories)
    assert [words.shape for words in edge.memories] == [(8, 74), (4, 2)]
    words = np.frombuffer(rows(edge), "<u8")
    assert words.size == 8 * 2 + 4
    bits = np.unpackbits(words[:16].view(np.uint8).reshape(8, -1), axis=1, bitorder="little")
    assert (bits[:, :74] == edge.memories[0]).all()
    assert not bits[:, 74:].any()
    assert (words[16:] == memories[1] @ [1, 2]).all()


def test_tables_name_places(drawn):
    moves, memories = drawn
    lines = [*tables(merged(moves[:4], memories), lambda net: 1000 + net)]
    assert lines == [
        "constexpr unsigned d[] = {1030, 1031, 1032};",
        "constexpr bool value[] = {0, 1, 1};",
        "Change changes[] = {{1002, 1003, 1010, 2}, {1002, 1004, 1015, 1}};",
        "constexpr unsigned address[] = {1006, 1007, 1008, 1006, 1007};",
        "Read reads[] = {{1002, 0, 3, 8, 0, 1, 1012, 3}, {1002, 3, 2, 4, 8, 1, 1016, 2}};",
    ]


def test_an_edge_of_nothing_has_arrays_of_one_element():
    assert [line.partition(" = ")[2] for line in tables(merged([], []), int)] == ["{{}};"] * 5
