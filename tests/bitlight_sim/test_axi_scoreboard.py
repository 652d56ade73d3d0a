"""The scoreboard finds what it is there to find: each fault of a wrapper has its message."""

import pytest
from axi_scoreboard import Scoreboard, Word

SIZE = 2
FRAME, RESULT = b"\x01\x02\x03", b"\xaa\xbb\xcc"


@pytest.fixture
def board():
    return Scoreboard({FRAME: RESULT}, SIZE, len(FRAME))


def words(data, *, last=True, user=False):
    """Words of a frame; without `last` it goes on."""
    places = range(0, len(data), SIZE)
    return [
        Word(data[at : at + SIZE], True, last and at == places[-1], user and at == places[-1])
        for at in places
    ]


def take(board, data, **options):
    for word in words(data, **options):
        board.take(word)


def give(board, data, **options):
    for word in words(data, **options):
        board.give(word)


def test_keep_says_which_bytes_count():
    assert Word.of(0x0201, 0b11, True, SIZE) == Word(b"\x01\x02", True, True)
    assert Word.of(0x0201, 0b01, True, SIZE) == Word(b"\x01", True, True)
    assert Word.of(0x0201, 0b10, True, SIZE) == Word(b"\x02", False, True)
    assert Word.of(0x0201, 0b00, False, SIZE) == Word(b"", True, False)


def test_a_good_frame_gives_its_result_once(board):
    take(board, FRAME)
    assert not board.idle
    give(board, RESULT)
    assert board.idle
    assert (board.frames_in, board.frames_out, board.framing_errors) == (1, 1, 0)
    with pytest.raises(AssertionError, match="nothing asked for"):
        give(board, RESULT)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (b"\xaa\xbb\xcd", "result 0 is"),
        (b"\xaa\xbb", "result 0 is"),
        (b"\xaa\xbb\xcc\xdd", "result 0 is"),
    ],
)
def test_a_wrong_result_is_found(board, result, message):
    take(board, FRAME)
    with pytest.raises(AssertionError, match=message):
        give(board, result)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (Word(b"\xbb", False, True), "not the lowest"),
        (Word(b"\xaa", True, False), "missing inside"),
        (Word(b"\xaa\xbb", True, False, True), "tuser is set inside"),
    ],
)
def test_a_wrong_word_is_found(board, word, message):
    take(board, FRAME)
    with pytest.raises(AssertionError, match=message):
        board.give(word)


@pytest.mark.parametrize(
    "fault", [FRAME[:2], FRAME[:1], FRAME + b"\x04", FRAME + b"\x04\x05\x06", FRAME + FRAME]
)
def test_frames_of_a_wrong_length_are_errors(board, fault):
    take(board, fault)
    take(board, FRAME)
    assert (board.frames_in, board.framing_errors, len(board.pending)) == (1, 1, 1)


def test_null_bytes_are_errors(board):
    board.take(Word(FRAME[:1], True, False))
    board.take(Word(FRAME[1:], True, True))
    board.take(Word(FRAME[:2], True, False))
    board.take(Word(FRAME[2:], False, True))
    assert (board.frames_in, board.framing_errors) == (0, 2)


def test_a_soft_reset_forgets_what_is_on_its_way(board):
    take(board, FRAME)
    take(board, FRAME[:2], last=False)
    board.soft_reset(None)
    take(board, FRAME[2:])  # the rest of the frame that was cut
    assert board.idle
    assert (board.frames_in, board.framing_errors, board.dropped) == (1, 0, 1)
    with pytest.raises(AssertionError, match="nothing asked for"):
        give(board, RESULT)


def test_a_soft_reset_leaves_the_offered_end_of_a_frame(board):
    take(board, FRAME)
    take(board, FRAME)
    give(board, RESULT[:2], last=False)
    board.soft_reset(words(RESULT)[-1])
    give(board, RESULT[2:])
    assert board.idle
    assert (board.frames_out, board.dropped) == (1, 1)


@pytest.mark.parametrize("offered", [False, True])
def test_a_soft_reset_cuts_an_output_frame(board, offered):
    take(board, FRAME)
    first = words(RESULT)[0]
    if not offered:
        board.give(first)
    board.soft_reset(first if offered else None)
    board.soft_reset(first if offered else None)  # again, before the end has come
    if offered:
        board.give(first)
    with pytest.raises(AssertionError, match="without tuser"):
        board.give(Word(b"\0", True, True))
    board.given.append(first)
    board.give(Word(b"\0", True, True, True))
    assert board.idle
    assert board.frames_out == 0


def test_a_hard_reset_is_the_beginning(board):
    take(board, FRAME)
    take(board, FRAME[:2], last=False)
    board.hard_reset()
    take(board, FRAME)
    assert (board.frames_in, len(board.pending)) == (1, 1)


PADDED = RESULT + b"\0"


def test_a_batch_is_one_frame(board):
    board.batch = 2
    take(board, FRAME + b"\x99" + FRAME)
    assert (board.frames_in, board.framing_errors, len(board.pending)) == (1, 0, 2)
    give(board, PADDED + RESULT)
    assert board.idle
    assert board.frames_out == 1


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (RESULT, "result 0 is"),
        (PADDED, "ends too soon"),
        (PADDED + PADDED, "result 0 is"),
    ],
)
def test_a_wrong_batch_of_results_is_found(board, result, message):
    board.batch = 2
    take(board, FRAME + b"\x99" + FRAME)
    with pytest.raises(AssertionError, match=message):
        give(board, result)


def test_a_batch_with_too_few_images_is_cut(board):
    board.batch = 3
    take(board, FRAME + b"\x99" + FRAME)
    assert (board.frames_in, board.framing_errors) == (0, 1)
    give(board, PADDED, last=False)
    with pytest.raises(AssertionError, match="without tuser"):
        board.give(Word(b"\0", True, True))
    board.give(Word(b"\0", True, True, True))
    assert board.idle
    assert board.frames_out == 0


def test_a_soft_reset_between_images_cuts_the_frame(board):
    board.batch = 2
    take(board, FRAME + b"\x99" + FRAME)
    give(board, PADDED, last=False)
    board.soft_reset(None)
    board.give(Word(b"\0", True, True, True))
    assert board.idle
    assert (board.frames_out, board.dropped) == (0, 1)
