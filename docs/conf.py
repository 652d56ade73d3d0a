"""Sphinx: how the site is built. `make docs` runs it, and each warning is an error."""

import hashlib
import os
import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "_ext"))
# Notebooks call `bitlight` as a user does; the one that is described here.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
# What commands print here is what they print into a file: no bars that move, no colours.
os.environ |= {"TTY_COMPATIBLE": "0", "NO_COLOR": "1", "COLUMNS": "96"}
# A profile of the notebooks' own, so that nobody's settings change what they print. Their kernels
# are reached from this machine alone, of which they would warn each time.
PROFILE = ROOT / "build" / "docs" / "ipython"
(PROFILE / "profile_default").mkdir(parents=True, exist_ok=True)
SETTINGS = "c = get_config()\nc.IPKernelApp.log_level = 'ERROR'\n"
(PROFILE / "profile_default" / "ipython_kernel_config.py").write_text(SETTINGS)
os.environ["IPYTHONDIR"] = str(PROFILE)


def sources() -> str:
    """A digest of the four packages and this file: when it changes, notebooks are run again."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for folder in ("py", "hw", "sim"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.relative_to(ROOT).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:16]


project = "bitlight"
author = "The bitlight authors"
project_copyright = author
version = release = metadata.version("bitlight")
root_doc = "index"
needs_sphinx = "8.2"

extensions = [
    "myst_nb",  # pages in Markdown, some of them notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",  # cards and tabs
    # Our own, in docs/_ext.
    "api",
    "commands",
    "flowcharts",
    "outside",
    "raw",
]
exclude_patterns = ["_ext", "_static"]
html_theme = "furo"
html_title = f"bitlight {release}"
html_static_path = ["_static"]
html_css_files = ["bitlight.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {
        "color-brand-primary": "#0b5cad",
        "color-brand-content": "#0b5cad",
        "font-stack--headings": "inherit",
    },
    "dark_css_variables": {"color-brand-primary": "#7ab8ff", "color-brand-content": "#7ab8ff"},
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp"

# Markdown.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
suppress_warnings = [
    # Pages are read on their own as well, where they may begin where their part of a page does.
    "myst.header",
]

# Notebooks: executed when the site is built; what they gave is kept until the packages change.
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "docs" / "notebooks" / sources())
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "warn"

# The reference, from docstrings.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
maximum_signature_line_length = 88
napoleon_use_rtype = False
napoleon_use_ivar = True

# Addresses outside are looked up by `make docs-links` alone: a build needs no network.
linkcheck_anchors = False
linkcheck_timeout = 20
linkcheck_retries = 2
