"""The reference of all public names, from `__all__` of every package, made as the site is built.

One page for each package that has public names, in `reference/api`, and for each module of which
a page imports something; a name that several packages give is described where it is first met, and
linked from the others.
"""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from names import imported, public
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import inspect as sphinx_inspect
from sphinx.util import logging

# What scikit-learn adds to each estimator; its own documentation describes it.
ROUTING = "set_fit_request, set_partial_fit_request, set_score_request, set_transform_request"
WORD = re.compile(r"(`+[^`]*`+)")
SPECIAL = re.compile(r"([|*\\])")


def _kind(what: Any) -> str:
    """A constant in a few words."""
    if isinstance(what, dict):
        return f"dict with the keys {', '.join(f'`{key}`' for key in what)}"
    if isinstance(what, (tuple, list)):
        return f"{type(what).__name__}: {', '.join(f'`{part}`' for part in what)}"
    return f"`{what}`"


def _directive(package: str, name: str, what: Any) -> str:
    path = f"{package}.{name}"
    if inspect.isclass(what):
        return f".. autoclass:: {path}\n   :members:\n   :exclude-members: {ROUTING}\n" + (
            "" if what.__bases__ == (object,) else "   :show-inheritance:\n"
        )
    if inspect.isfunction(what):
        return f".. autofunction:: {path}\n"
    return f".. py:data:: {path}\n\n   {_kind(what)}\n"


def page(package: str, names: list[tuple[str, Any]], described: dict[int, str]) -> str:
    """One package's page, in Markdown; what it describes is added to `described`."""
    summary = (importlib.import_module(package).__doc__ or "").strip()
    text = f"# {package}\n\n{summary}\n\n"
    for name, what in names:
        shared = not isinstance(what, (int, str, float, tuple, dict, list))
        if shared and id(what) in described:
            elsewhere = described[id(what)]
            text += f"(also-{package}.{name})=\n## {name}\n\n"
            text += f"The same as {{py:obj}}`{elsewhere}`.\n\n"
            continue
        described[id(what)] = f"{package}.{name}"
        text += f"## {name}\n\n```{{eval-rst}}\n{_directive(package, name, what)}```\n\n"
    return text


def write(app: Sphinx) -> None:
    """All pages, and the index that lists them; one that is the same is left alone."""
    folder = Path(app.srcdir) / "reference" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    described: dict[int, str] = {}
    pages = {name: page(name, names, described) for name, names in public().items()}
    inside = {name: page(name, names, described) for name, names in imported().items()}
    inside = {name: text for name, text in inside.items() if name not in pages}
    first, second = "\n".join(pages), "\n".join(inside)
    pages |= inside
    pages["index"] = (
        "# Python\n\nEvery public name of the four packages. Signatures have their types; "
        "docstrings say shapes, units and what is raised, and their examples are run by the "
        "tests.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{first}\n```\n\n"
        "## Inside the packages\n\nNames of modules that pages of this site use.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{second}\n```\n"
    )
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
    for file in folder.glob("*.md"):
        if file.stem not in pages:
            file.unlink()


def plain(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with `code` in them: |x| and * are what they look like."""
    for number, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...")) or not SPECIAL.search(line):
            continue
        parts = WORD.split(line)
        parts[::2] = [SPECIAL.sub(r"\\\1", part) for part in parts[::2]]
        lines[number] = "".join(parts)


def constructor(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Amaranth's `__new__` takes anything; what a unit takes is in its `__init__`."""
    if what != "class" or "src_loc_at" not in (signature or ""):
        return None
    own = sphinx_inspect.signature(obj.__init__, bound_method=True)
    shown = sphinx_inspect.stringify_signature(
        own, show_return_annotation=False, unqualified_typehints=True
    )
    return shown, ""


def words(app: Sphinx, doctree: nodes.document) -> None:
    """In "int32 array, shape (C,)" nothing is a name of ours: those of types have a capital."""
    for link in [*doctree.findall(pending_xref)]:
        if link.get("reftype") == "class" and link["reftarget"].islower():
            shown = [part for part in link.children if part.get("condition", "*") == "*"]
            kept = [part.children if "condition" in part else [part] for part in shown]
            link.replace_self([node for nodes in kept for node in nodes])


def complete(app: Sphinx, env: BuildEnvironment) -> None:
    """Each public name has its entry, or that of the name that it is the same as."""
    objects = {entry[0] for entry in env.get_domain("py").get_objects()}
    anchors = env.get_domain("std").anonlabels  # type: ignore[attr-defined]
    for package, names in public().items():
        for name, _ in names:
            path = f"{package}.{name}"
            if path not in objects and f"also-{path}".lower() not in anchors:
                logging.getLogger(__name__).warning("%s has no entry in the reference", path)


def setup(app: Sphinx) -> dict[str, bool]:
    """Before pages are read, and before napoleon reads a docstring."""
    app.connect("builder-inited", write)
    app.connect("autodoc-process-signature", constructor)
    app.connect("doctree-read", words)
    app.connect("env-check-consistency", complete)
    app.connect("autodoc-process-docstring", plain, priority=400)
    return {"parallel_read_safe": True}
