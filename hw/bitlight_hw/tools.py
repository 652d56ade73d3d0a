"""What programs that run in WebAssembly inherit: no settings of this Python, and our cache."""

import os
import tempfile

from bitlight.files.cache import CacheError, section

VARIABLE = "YOWASP_CACHE_DIR"
ROOM = 512 << 20  # bytes of the compiled programs of the packages yowasp-*


def environment() -> dict[str, str]:
    """Variables for a tool of pip that compiles itself for this machine at its first run.

    What it compiles goes into our cache, unless $YOWASP_CACHE_DIR names another folder.
    """
    passed = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    folder = passed.get(VARIABLE)
    if not folder:
        try:
            folder = str(section("wasm", room=ROOM))
        except CacheError:
            folder = tempfile.gettempdir()
    return passed | {VARIABLE: folder, "XDG_CACHE_HOME": folder, "PYTHONSAFEPATH": "1"}
