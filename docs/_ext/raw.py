"""The raw results of docs/raw as a page: each file, by folder, to be downloaded."""

from pathlib import Path

from sphinx.application import Sphinx


def write(app: Sphinx) -> None:
    """`reference/raw.md`, from the files that are there."""
    raw = Path(app.srcdir) / "raw"
    text = (
        "# Raw results\n\nWhat measurements printed, as they printed it; the pages say which "
        "command made each.\n"
    )
    folders = [raw, *sorted(folder for folder in raw.rglob("*") if folder.is_dir())]
    for folder in folders:
        files = sorted(file for file in folder.iterdir() if file.is_file())
        path = folder.relative_to(raw.parent).as_posix()
        text += f"\n({path})=\n## {path}\n\n"
        for file in files:
            link = f"../{file.relative_to(raw.parent).as_posix()}"
            if file.suffix == ".md":
                text += f"- [{file.name}]({link})\n"
            else:
                text += f"- {{download}}`{file.name} <{link}>`, {file.stat().st_size:,} bytes\n"
    tables = sorted(file.relative_to(raw.parent).with_suffix("") for file in raw.rglob("*.md"))
    listed = "\n".join(f"/{table.as_posix()}" for table in tables)
    text += f"\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n"
    file = Path(app.srcdir) / "reference" / "raw.md"
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Before pages are read."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
