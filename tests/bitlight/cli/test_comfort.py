"""What makes the command line pleasant: a doctor, completion, help that leads on, one name each."""

import json
import re
import subprocess
import sys
from importlib import metadata

import click
import pytest
from click.testing import CliRunner

from bitlight import plugins
from bitlight.cli import doctor, findings
from bitlight.cli.main import cli


def leaves(group=cli, words=()):
    """All commands that do something, also those of higher packages."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))
        else:
            yield (*words, name), command


ALL = dict(leaves())
# What is an end, or told otherwise.
ENDS = {"completion"}


def test_the_doctor_finds_everything_that_the_tests_need(run, tmp_path):
    code, out, _ = run("doctor", "--json", tmp_path / "a.json")
    assert code == 0
    assert "bitlight works here" in out or "everything is here" in out
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["works"]
    states = {(one["area"], one["what"]): one["state"] for one in told["findings"]}
    assert states["base", "numpy"] == states["base", "golden model"] == "ok"
    assert states["hardware", "Verilog"] == states["simulation", "C++ compiler"] == "ok"
    assert states["extras", "hw"] == "ok"
    for one in told["findings"]:
        if one["state"] == "ok":
            assert one["found"]
        elif one["what"] != "GPU":
            assert re.match("pip install|apt-get install|export|bitlight", one["remedy"]), one


def test_a_missing_package_is_told_with_its_remedy(run, monkeypatch):
    version = metadata.version

    def without(name):
        if name == "amaranth":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    found = {(one.area, one.what): one for one in doctor.findings()}
    assert found["extras", "hw"].state == "missing"
    assert found["extras", "hw"].remedy == "pip install 'bitlight[hw]'"
    assert "amaranth" in found["extras", "hw"].found
    assert run("doctor")[0] == 0  # the base does not need it


def test_a_broken_base_is_told_by_the_code(run, monkeypatch):
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda n: "1.9.0" if n == "numpy" else version(n))
    code, out, _ = run("doctor")
    assert code == 1
    assert "bitlight itself does not work here: numpy" in out
    assert "needs >= 2.1" in out


def test_checks_that_fail_hide_no_others(monkeypatch):
    def load(group, name):
        raise ImportError("half of it")

    monkeypatch.setattr(plugins, "load", load)
    found = doctor.findings()
    assert [one.state for one in found if one.found == "ImportError: half of it"] == ["broken"] * 3
    assert any(one.what == "golden model" for one in found)


def test_what_a_doctor_sees():
    def raises(error):
        raise error

    ok = findings.look("a", "b", lambda: "1.0", "pip install b")
    assert (ok.state, ok.found, ok.remedy) == ("ok", "1.0", "")
    gone = findings.look("a", "b", lambda: raises(KeyError("c")), "d", absent=(KeyError,))
    assert (gone.state, gone.remedy) == ("missing", "d")
    bad = findings.look("a", "b", lambda: raises(OSError("c")), "d", absent=(KeyError,))
    assert (bad.state, bad.found) == ("broken", "OSError: c")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert "_BITLIGHT_COMPLETE" in done.output


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("bitlight rep", "report"),
        ("bitlight plan fash", "fashion28"),
        ("bitlight plan --tar", "--target"),
    ],
)
def test_a_shell_completes(line, wanted):
    words = {"_BITLIGHT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": "1"}
    words["COMP_CWORD"] = str(len(line.split()) - 1)
    code = "import sys; sys.argv[0] = 'bitlight'; from bitlight.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=words, capture_output=True, text=True, check=False
    )
    assert wanted in [item.partition(",")[2] for item in done.stdout.split()], done


@pytest.mark.parametrize("words", [w for w in ALL if w[0] not in ENDS], ids=" ".join)
def test_help_leads_on(words):
    """What comes next is a command, with arguments that it has."""
    if words[0] in ("bench", "reproduce"):
        return
    told = ALL[words].epilog
    assert told.startswith("Next: ")
    named = re.findall(r"bitlight ((?:[a-z]+ ?)+)", told)
    assert named
    for name in named:
        found = [known for known in ALL if name.split()[: len(known)] == [*known]]
        assert found, name
        assert words not in found


def test_one_meaning_has_one_name():
    """The same letter, and the same unit, is the same thing in every command."""
    letters: dict[str, set[str]] = {}
    for command in ALL.values():
        for param in command.params:
            for short in [opt for opt in param.opts if re.fullmatch("-[a-z]", opt)]:
                letters.setdefault(short, set()).update(o for o in param.opts if o != short)
    assert letters["-n"] == {"--number", "--images"}  # the demonstration's old name
    assert letters["-o"] == {"--folder", "--out"}
    for words, command in ALL.items():
        names = {opt for param in command.params for opt in param.opts}
        if names & {"--freq", "--clock"}:
            assert "--mhz" in names, words
        if "--folder" in names:
            assert "-o" in names, words
        if words not in {("board", "load"), ("board", "virtual"), ("completion",)}:
            assert "--json" in names, words


@pytest.mark.parametrize(
    "command",
    [
        ("plan", "small28"),
        ("explore", "small28"),
        ("energy", "small28", "random"),
        ("synth", "small28", "--target", "ice40-up5k"),
        ("board", "build", "icebreaker", "small28"),
    ],
)
def test_a_clock_that_is_no_number_is_refused_before_the_work(run, command):
    for value in ("nan", "inf"):
        code, _, err = run(*command, "--mhz", value)
        assert (code, f"{value} is no frequency" in err) == (2, True)
