import small_backbone

from bitlight_lab.commands.reproduce import FOLDER, reproduce
from bitlight_lab.papers.transfer import experiment

NAMES = ("leroux-table2", "optical-transfer", "precision-table")


def test_help_names_the_experiments_and_targets(run):
    code, out, _ = run("reproduce", "--help")
    assert code == 0
    for name in (*NAMES, "flowers=DIR", "fashion5"):
        assert name in out
    for name in NAMES:
        assert "--quick" in run("reproduce", name, "--help")[1]


def test_prints_the_table_and_tells_where_the_rest_is(run, tmp_path, monkeypatch):
    small_backbone.register(monkeypatch)
    small = experiment.Effort(seeds=1, epochs=1, train_images=100, test_images=50)
    monkeypatch.setattr(experiment, "QUICK", small)
    parameters = {option.name: option for option in reproduce.commands["optical-transfer"].params}
    monkeypatch.setattr(parameters["backbone"].type, "choices", ("small",))
    monkeypatch.chdir(tmp_path)
    options = ["--quick", "--backbone", "small", "--weights", "random", "--size", 32]
    code, out, err = run("reproduce", "optical-transfer", "digits", *options, "--threads", 1)
    assert code == 0, err
    assert "| block | 100 | 512 |" in out
    assert (FOLDER / "quick" / "optical-transfer" / "runs.jsonl").is_file()


def test_an_unknown_target_is_one_line(run, tmp_path):
    code, _, err = run("reproduce", "leroux-table2", "zebras", "--folder", tmp_path, "--threads", 1)
    assert code == 2
    assert err.startswith("error: no target 'zebras': give animals")
