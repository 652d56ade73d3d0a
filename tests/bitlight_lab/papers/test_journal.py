import json

import pytest

from bitlight import DataError
from bitlight_lab.papers import Cell, Journal


def cells(done, numbers):
    def run(number):
        done.append(number)
        return {"square": number**2}

    return [Cell({"number": n, "seed": 0}, lambda n=n: run(n)) for n in numbers]


def test_goes_on_where_it_stopped(tmp_path):
    path, done, said = tmp_path / "new" / "runs.jsonl", [], []
    Journal(path).complete(cells(done, [1, 2]))
    found = Journal(path).complete(cells(done, [1, 3, 2]), said.append)
    assert done == [1, 2, 3]
    assert [run.result["square"] for run in found] == [1, 9, 4]
    assert said == ["2 of 3: number 3, seed 0"]
    assert len(path.read_text().splitlines()) == 3


def test_a_run_is_kept_before_the_next_begins(tmp_path):
    def stop():
        raise KeyboardInterrupt

    path, done = tmp_path / "runs.jsonl", []
    with pytest.raises(KeyboardInterrupt):
        Journal(path).complete([*cells(done, [1]), Cell({"number": 2}, stop)])
    assert Journal(path).result({"seed": 0, "number": 1}) == {"square": 1}


def test_each_line_tells_versions_and_seed(tmp_path):
    Journal(tmp_path / "runs.jsonl").complete(cells([], [1]))
    run = json.loads((tmp_path / "runs.jsonl").read_text())
    assert run["parameters"]["seed"] == 0
    assert run["environment"]["versions"].keys() >= {"python", "bitlight", "numpy", "torch"}
    assert run["seconds"] >= 0


def test_a_torn_line_is_dropped(tmp_path):
    path, done = tmp_path / "runs.jsonl", []
    Journal(path).complete(cells(done, [1, 2]))
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    Journal(path).complete(cells(done, [1, 2]))
    assert done == [1, 2, 2]
    assert len(path.read_bytes().splitlines()) == 2


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"parameters": {}}', "[" * 9999])
def test_a_line_that_is_no_run_is_named(tmp_path, line):
    path = tmp_path / "runs.jsonl"
    Journal(path).complete(cells([], [1]))
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DataError, match=r"runs\.jsonl, line 2, is no run"):
        Journal(path)
