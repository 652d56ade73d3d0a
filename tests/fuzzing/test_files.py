"""Files of every format, some of them; `python -m fuzzing` loads 50,000 of each."""

import pytest

from fuzzing import planted
from fuzzing.formats import FORMATS
from fuzzing.session import fuzz

FAULTS = {fault.__name__: message for fault, message in planted.FAULTS.items()}
FAULTS["_wrong"] = "wrong answer"


@pytest.mark.parametrize("name", FORMATS)
def test_files_are_read_or_refused(name):
    found = fuzz(name, 100)
    assert found["failures"] == []
    assert found["errors"] + found["answers"] == 100
    assert min(found["errors"], found["answers"]) >= 2


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault, monkeypatch):
    monkeypatch.setenv("BITLIGHT_FUZZ_SECONDS", "1")
    # Each crash and each hang costs another worker.
    found = fuzz(f"fuzzing.planted:{fault}", 4 if fault in ("_crashes", "_hangs") else 40)
    assert found["failed"] > 0
    assert all(what.startswith(FAULTS[fault]) for _, what in found["failures"])


def test_a_number_gives_the_same_file():
    form = FORMATS["npy"]()
    again = FORMATS["npy"]()
    assert [form.file("npy", n) for n in range(50)] == [again.file("npy", n) for n in range(50)]
