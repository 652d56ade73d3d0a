"""The version stands in pyproject.toml; what repeats it says the same."""

import re
import tomllib
from itertools import chain, pairwise
from pathlib import Path

import bitlight

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_one_version():
    assert bitlight.__version__ == VERSION
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited[1] == VERSION


def test_the_changelog_is_of_this_version_or_not_released_yet():
    heads = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heads[0] == "Unreleased" or heads[0].startswith(VERSION)


def test_every_extra_has_a_reason_for_each_package():
    lines = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1]
    lines = lines.split("[project.scripts]")[0].splitlines()
    for before, line in pairwise(lines):
        if line.startswith('  "') and "bitlight[" not in line:
            assert before.startswith(("  #", '  "')), line


def test_pinned_packages_are_those_that_are_wanted():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {_plain(re.match(r"[\w.-]+", name)[0]) for name in wanted} - {"bitlight"}
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    listed = {_plain(line.split("==")[0]) for line in pinned}
    assert names <= listed, names - listed


def _plain(name):
    return name.strip().lower().replace("_", "-")
