"""No command writes over what it reads, or one output over another."""

import os
import re
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from bitlight.cli.main import cli
from bitlight.cli.paths import Input, Output
from bitlight.errors import BitlightError


def commands(group=cli, words=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


ALL = dict(commands())


def roles(command, kind):
    return [param for param in command.params if isinstance(param.type, kind)]


def arguments(command, chosen):
    """Words for a command whose parameters have the values chosen, or any."""
    words = []
    for param in command.params:
        value = chosen.get(param.name)
        if isinstance(param, click.Option):
            if value is not None or param.required:
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
    (tmp_path / "a").mkdir() if folder else (tmp_path / "a").write_bytes(b"content")
    chosen = {one: "a", other: os.fspath(tmp_path / "a")}
    done = CliRunner().invoke(cli, [*words, *arguments(ALL[words], chosen)])
    if isinstance(done.exception, BitlightError):
        assert re.search("is read as|are one file", str(done.exception))
    else:  # click's own: no folder is a file
        assert done.exit_code == 2
        assert re.search("is a (file|directory)", done.output)
    assert folder or (tmp_path / "a").read_bytes() == b"content"


def test_every_path_has_a_role():
    """A parameter that names a file is an Input or an Output, but for the folders of twins."""
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
