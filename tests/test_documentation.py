"""What README and docs/ show is what runs: the Python as it is written, the commands as far as
their names and options go, and the README's chain of commands as a whole."""

import doctest
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import pytest
from datasets import photographs

from bitlight.cli.main import cli

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/tutorials").glob("*.md")),
]
# What stands between fences: what is run here, what is checked here, what is only shown (output
# and layouts of files), and what makes a figure. Cells of notebooks are run by `make docs`.
LANGUAGES = {"python", "sh", "text", "mermaid", "wavedrom"}
FENCE = re.compile(r"^(`{3,}|:{3,})([^`\n]*)$", re.MULTILINE)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMES = cli.list_commands(click.Context(cli))
COMMAND = re.compile(
    rf"^(?: {{4}}|!|)(bitlight (?:{'|'.join(NAMES)}) .*)$",
    re.MULTILINE,
)
# Fewer images than the data set has: enough for each line to be run.
FEWER = """
from bitlight import data
whole = data.animal_split
data.animal_split = lambda: tuple(part[:300] for part in whole())
"""
# What only a board has: tests/bitlight_hw/axi/test_zynq.py runs it on the RTL.
ELSEWHERE = {"docs/axi.md": "pynq"}


def name(page):
    return page.relative_to(ROOT).as_posix()


def blocks(page):
    return [code for code in BLOCK.findall(page.read_text()) if ">>>" not in code]


def commands(text):
    """The commands in a page or a docstring, without what is said of them."""
    found = COMMAND.findall(re.sub(r" *\\\n *", " ", text))
    return [re.split(r" {2,}| +#", line)[0].strip() for line in found]


def prepare(folder):
    """A folder with the files that the pages read."""
    photographs(folder / "photos", 60, ("cat", "dog"))
    run(["features", "fashion28", "photos", "features/"], folder)


def run(words, folder):
    done = subprocess.run(
        [sys.executable, "-m", "bitlight.cli", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (words, done.stderr)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name)
def test_python_runs_as_it_is_written(page, tmp_path):
    code = "\n".join(blocks(page))
    missing = ELSEWHERE.get(name(page))
    if missing is not None:
        compile(code, name(page), "exec")
        assert f"from {missing} import" in code
        return
    if name(page) == "docs/scale.md":
        prepare(tmp_path)
    if name(page) == "README.md":
        photographs(tmp_path / "photos", 30, ("cat", "dog"))
    warnings = ["-W", "error", "-W", "ignore::DeprecationWarning", "-W", "ignore::UserWarning"]
    subprocess.run(
        [sys.executable, *warnings, "-c", FEWER + code], cwd=tmp_path, check=True, timeout=300
    )


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_sessions_give_what_they_show(page):
    found = doctest.DocTestParser().get_doctest(
        page.read_text().replace("```", ""), {}, name(page), name(page), 0
    )
    assert doctest.DocTestRunner().run(found).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_what_it_is(page):
    text = page.read_text()
    opened = [kind for mark, kind in FENCE.findall(text) if mark.startswith("`")][::2]
    kinds = {kind.split()[0] if kind else "" for kind in opened}
    plain = {kind for kind in kinds if not kind.startswith("{")}
    assert plain <= LANGUAGES
    is_notebook = text.startswith("---\nfile_format: mystnb\n")
    assert ("{code-cell}" in kinds) == is_notebook
    assert not (is_notebook and "python" in kinds)


def test_promises_name_tests_that_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/formats.md").read_text())
    assert len(named) > 20
    for file, function in named:
        assert f"def {function}(" in (ROOT / file).read_text(), (file, function)


def helps(command=cli):
    """The texts of all --help."""
    yield command.help or ""
    if isinstance(command, click.Group):
        for inner in command.list_commands(click.Context(command)):
            yield from helps(command.get_command(click.Context(command), inner))


SHOWN = [(name(page), line) for page in PAGES for line in commands(page.read_text())]
SHOWN += [("--help", line) for text in helps() for line in commands(textwrap.dedent(text))]


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=str)
def test_commands_have_the_options_that_are_shown(page, line):
    _, *words = shlex.split(line)
    command, context = cli, click.Context(cli)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.get_command(context, words.pop(0))
        context = click.Context(command, parent=context)
    options, left, _ = command.make_parser(context).parse_args(words)
    assert not left
    for param in command.params:
        value = options.get(param.name)
        if isinstance(param.type, click.Choice) and isinstance(value, str):
            assert value in param.type.choices


LONG = ("train cnv", "synth", "cosim", "reproduce", "bench", "import", "demo")


@pytest.mark.slow
def test_the_commands_of_the_readme_in_their_order(tmp_path):
    photographs(tmp_path / "photos", 12, ("cat", "dog"))
    lines = [line for page, line in SHOWN if page == "README.md"]
    chain = [line for line in lines if not line.removeprefix("bitlight ").startswith(LONG)]
    assert len(chain) >= 12
    for line in chain:
        run(shlex.split(line)[1:], tmp_path)
