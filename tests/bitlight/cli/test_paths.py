"""No command writes over what it reads, or one output over another."""

import os
import re
import sys
from types import SimpleNamespace

import click
import numpy as np
import pytest
from click.testing import CliRunner

from bitlight import Linear, Network
from bitlight.cli.main import cli
from bitlight.cli.paths import ImagesInput, Input, Output
from bitlight.errors import BitlightError


def commands(group=cli, words=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


ALL = dict(commands())
THERE = __file__  # what is read, if anything will do


def roles(command, kind):
    return [param for param in command.params if isinstance(param.type, kind)]


def arguments(command, chosen):
    """Words for a command whose parameters have the values chosen, or any."""
    words = []
    for param in command.params:
        value = chosen.get(param.name)
        if value is None and isinstance(param.type, Input):
            value = next(iter(param.type.names), THERE)
        if isinstance(param, click.Option):
            if param.name in chosen or param.required:
                words += [param.opts[0], value or param.type.choices[0]]
        elif isinstance(param.type, click.Choice):
            words.append(param.type.choices[0])
        elif value is not None or param.required:
            words.append(value or f"no-{param.name}")
    return words


PAIRS = [
    pytest.param(words, one.name, other.name, id=f"{' '.join(words)}: {one.name} {other.name}")
    for words, command in ALL.items()
    for one in roles(command, Output)
    for other in [*roles(command, Output), *roles(command, Input)]
    if one is not other
]


@pytest.mark.parametrize(("words", "one", "other"), PAIRS)
def test_one_file_for_two_purposes(tmp_path, monkeypatch, words, one, other):
    monkeypatch.chdir(tmp_path)
    params = {param.name: param for param in ALL[words].params}
    folder = not getattr(params[one].type, "file_okay", True)
    if folder or type(params[other].type) is ImagesInput:
        (tmp_path / "a").mkdir()
    else:
        (tmp_path / "a").write_bytes(b"content")
    chosen = {one: "a", other: os.fspath(tmp_path / "a")}
    done = CliRunner().invoke(cli, [*words, *arguments(ALL[words], chosen)])
    if isinstance(done.exception, BitlightError):
        assert re.search("is read as|are one file", str(done.exception))
    else:  # click's own: no folder is a file
        assert done.exit_code == 2
        assert re.search("is a (file|directory)", done.output)
    assert (tmp_path / "a").is_dir() or (tmp_path / "a").read_bytes() == b"content"


def test_every_path_has_a_role():
    """A parameter that names a file is an Input or an Output, but for the folder of a teacher."""
    plain = [
        f"{' '.join(words)} {param.name}"
        for words, command in ALL.items()
        for param in command.params
        if type(param.type) is click.Path
    ]
    assert plain == ["train teacher"]


def test_names_are_no_files(tmp_path, monkeypatch):
    """A file that is called as a network that comes with bitlight is none of its inputs."""
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        done = CliRunner().invoke(cli, ["inspect", "fashion28", "--json", "fashion28"])
        assert done.exit_code == 0, done.output


def test_what_is_completed_in_a_shell_is_not_checked():
    context = SimpleNamespace(resilient_parsing=True, meta={})
    assert Output().convert("a", None, context) == "a"
    assert not context.meta


@pytest.mark.parametrize("words", [w for w in ALL if w != ("completion",)], ids=" ".join)
def test_every_command_writes_its_figures(words):
    assert "--json" in {name for option in ALL[words].params for name in option.opts}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("features {net} random:9 f.csv", "f.csv should end in .npz, or be a folder's name"),
        ("features {net} random:9 none/f", "cannot write none/f: No such file or directory"),
        ("features {net} random:9 f --json none/j", "cannot write none/j: No such file"),
        ("features {net} nowhere f", "no images 'nowhere': give animals"),
        ("features {net} nowhere.npy f", "no images 'nowhere.npy': give animals"),
        ("project {net} p.parquet --components 3", "p.parquet should end in .npz"),
        ("head train nowhere h", "no such file: nowhere"),
        ("head export {net} h.c", "h.c ends neither in .onnx nor in .h"),
        ("store export {net} f.csv", "f.csv should end in .npz or .parquet or .safetensors"),
        ("import {net} n.onnx", "n.onnx should end in .bnn"),
        ("export {net} n.bnn", "n.bnn should end in .onnx"),
        ("verilog {net} n.onnx", "n.onnx should end in .v or .sv"),
        ("simulate {net} nowhere", "no images 'nowhere': give animals"),
        ("cosim {net} random --folder {net}/a", "cannot write"),
        ("train tfc random {net}/a", "cannot write"),
        ("demo --folder {net}/a/b", "cannot write"),
    ],
)
def test_names_are_checked_before_the_work(command, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The command itself is there, which may be a module of bitlight_hw.
    assert cli.get_command(click.Context(cli), command.split()[0])
    for module in ("bitlight_hw", "torch", "sklearn"):
        monkeypatch.setitem(sys.modules, module, None)  # what work would import
    small = Network((3,), 8, [Linear(np.ones((2, 3), bool), np.zeros(2, np.int32))])
    small.save("net.bnn")
    done = CliRunner().invoke(cli, command.format(net="net.bnn").split(), catch_exceptions=True)
    error = str(done.exception) if isinstance(done.exception, BitlightError) else done.output
    assert message in error
    assert [file.name for file in tmp_path.iterdir()] == ["net.bnn"]


def test_a_missing_simulator_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delattr("bitlight_hw.accelerator.Accelerator.__init__")  # it takes seconds
    for command in ("simulate", "cosim"):
        done = CliRunner().invoke(cli, [command, "fashion28", "random"])
        assert re.search("is (not )?installed; try: ", str(done.exception))
