"""Flow charts in the words of Mermaid become SVG when the site is built.

What is read is the part of its `flowchart` that these pages use: boxes, arrows with and without a
word, dotted ones, lines, `A & B`, subgraphs. A hosted repository's own view draws the same text.
A ```wavedrom block is the source of the picture above it, which is a file, and is not shown.
"""

import re
from html import unescape

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bitlight.drawing import Arrow, Box, draw

BOX = r'(\w+)(?:\["?(.*?)"?\])?'
TERM = re.compile(rf"\s*{BOX}\s*")
LINK = re.compile(
    r'(?P<dotted>-\.)(?:\s+"?(?P<word1>[^">]*?)"?\s+\.)?->'
    r'|--\s+"?(?P<word2>[^">]*?)"?\s+(?P<end>--[>-])'
    r"|(?P<plain>--[>-])"
)


def read(text: str) -> tuple[dict[str, Box], list[Arrow], bool]:
    """Boxes, arrows, and whether they go from left to right."""
    first, *lines = [line.strip() for line in text.strip().splitlines()]
    boxes: dict[str, Box] = {}
    arrows: list[Arrow] = []
    group = ""

    def term(line: str, at: int) -> tuple[list[str], int]:
        names = []
        while True:
            found = TERM.match(line, at)
            if found is None:
                raise ValueError(f"not a box at column {at} of {line!r}")
            name, label = found.groups()
            if name not in boxes or label is not None:
                shown = unescape((label or name).replace("`", ""))
                boxes[name] = Box(tuple(shown.split("<br/>")), group=group)
            names.append(name)
            at = found.end()
            if line[at : at + 1] != "&":
                return names, at
            at += 1

    for line in lines:
        if line.startswith("subgraph"):
            group = line.removeprefix("subgraph").strip()
        elif line == "end":
            group = ""
        else:
            names, at = term(line, 0)
            while at < len(line):
                link = LINK.match(line, at)
                if link is None:
                    raise ValueError(f"not an arrow at column {at} of {line!r}")
                following, at = term(line, link.end())
                kind = link["end"] or link["plain"] or "-->"
                word = (link["word1"] or link["word2"] or "").strip()
                arrows += [
                    Arrow(start, end, word, dotted=bool(link["dotted"]), line=kind == "---")
                    for start in names
                    for end in following
                ]
                names = following
    return boxes, arrows, first.split()[-1] in ("LR", "RL")


class Flowchart(SphinxDirective):
    """A ```mermaid block."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """The picture, which scrolls where a page is narrower."""
        boxes, arrows, across = read("\n".join(self.content))
        label = "; ".join(f"{a.start} to {a.end}" for a in arrows)
        svg = draw(boxes, arrows, across=across, label=f"Flow chart: {label}")
        return [nodes.raw("", f'<div class="drawing">{svg}</div>', format="html")]


class Source(Directive):
    """A ```wavedrom block."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Nothing."""
        return []


def name(app: Sphinx, docname: str, source: list[str]) -> None:
    """A block that a repository's view draws is a directive here."""
    source[0] = re.sub(r"^```(mermaid|wavedrom)$", r"```{\1}", source[0], flags=re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Both directives."""
    app.connect("source-read", name)
    app.add_directive("mermaid", Flowchart)
    app.add_directive("wavedrom", Source)
    return {"parallel_read_safe": True}
