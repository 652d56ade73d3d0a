"""What stands outside docs/ and belongs to the site, and links that leave docs/ or name a folder.

CONTRIBUTING, CHANGELOG, SECURITY and the cards of the shipped extractors are read as pages of the
site, whose own files are empty but for a line. Links are written as they work in the repository;
here they are turned to what the site has.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

# A page of the site, and the files that it is made of.
MADE_OF = {
    "contributing": ["CONTRIBUTING.md"],
    "changes": ["CHANGELOG.md"],
    "security": ["SECURITY.md"],
    "reference/extractors": [
        f"py/bitlight/extractors/{name}.md"
        for name in ("natural32", "cifar32", "fashion28", "fashion32")
    ],
}
PAGES = {file: page for page, files in MADE_OF.items() for file in files}
PAGES |= {"README.md": "index", "py/bitlight/extractors": "reference/extractors"}
LINK = re.compile(r"\]\((?!https?:|#|<)([^)\s#]+?)/?(#[\w-]+)?\)")
RAW = re.compile(r"raw(/[\w-]+)*")


UNLISTED = "<!-- unlisted -->"


def unlisted(folder: Path) -> str:
    """A list of the pages that no list names, so that a new guide can be reached at once."""
    lists = [folder / name for name in ("index.md", "guides.md", "reference/index.md")]
    named = {line.strip() for file in lists for line in file.read_text().splitlines()}
    named |= {name.removeprefix("../") for name in named} | {"index"}
    names = sorted({file.stem for file in folder.glob("*.md")} - named)
    if not names:
        return ""
    entries = "\n".join(names)
    return f"```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```"


def mend(app: Sphinx, docname: str, source: list[str]) -> None:
    """The text of one page, with the links that it has here."""
    root, folder = Path(app.srcdir).parent, Path(app.srcdir, docname).parent
    files = [root / file for file in MADE_OF.get(docname, [])]
    up = "../" * docname.count("/")

    def turned(found: re.Match[str], origin: Path) -> str:
        target = (origin / found[1]).resolve()
        anchor = found[2] or ""
        if not target.is_relative_to(root):
            return found[0]
        path = target.relative_to(root).as_posix()
        if path in PAGES:
            if len(MADE_OF.get(PAGES[path], [])) > 1:
                anchor = anchor or f"#{target.stem}"
            return f"]({up}{PAGES[path]}.md{anchor})"
        if path.startswith("docs/"):
            inside = path.removeprefix("docs/")
            if RAW.fullmatch(inside) and target.is_dir():
                return f"](#{inside})"
            return f"]({up}{inside}{anchor})" if files else found[0]
        return found[0]

    if files:
        for file in files:
            app.env.note_dependency(str(file))
        texts = [(file.read_text(), file.parent) for file in files]
        if len(files) > 1:
            texts = [(re.sub(r"^#", "##", text, flags=re.MULTILINE), at) for text, at in texts]
            texts.insert(0, (source[0], folder))
    else:
        texts = [(source[0], folder)]
    if UNLISTED in texts[0][0]:
        texts[0] = (texts[0][0].replace(UNLISTED, unlisted(Path(app.srcdir))), folder)
    source[0] = "\n\n".join(
        LINK.sub(lambda found, at=at: turned(found, at), text) for text, at in texts
    )


def changing(*_: object) -> list[str]:
    """The pages that are read again each time: they list what is there."""
    return ["guides"]


def setup(app: Sphinx) -> dict[str, bool]:
    """As pages are read."""
    app.connect("source-read", mend)
    app.connect("env-get-outdated", changing)
    return {"parallel_read_safe": True}
