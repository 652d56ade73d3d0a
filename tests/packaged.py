"""`python packaged.py dist`: what is in wheel and sdist, as a user gets them.

The wheel has the four packages with their networks and nothing else; the sdist has what a clone
has, and gives the same wheel.
"""

import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

PACKAGES = {"bitlight", "bitlight_hw", "bitlight_sim", "bitlight_lab"}
IN_SDIST = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "constraints.txt",
    "docs/conf.py",
    "docs/start.md",
    "docs/tutorials/verilog.md",
    "docs/waves/pad.svg",
    "tests/conftest.py",
)
IN_WHEEL = (
    "bitlight/py.typed",
    "bitlight/extractors/natural32.bnn",
    "bitlight_hw/area.json",
    "bitlight_sim/native/harness.cpp",
)


def content(wheel: Path) -> dict[str, bytes]:
    """Its files, but for the list of itself."""
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist() if not name.endswith("RECORD")}


def main(dist: Path) -> None:
    """Check both; AssertionError if anything is missing or too much."""
    version = tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"]
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    assert (wheel.name, sdist.name) == (
        f"bitlight-{version}-py3-none-any.whl",
        f"bitlight-{version}.tar.gz",
    )
    held = content(wheel)
    tops = {name.split("/")[0] for name in held}
    assert tops == PACKAGES | {f"bitlight-{version}.dist-info"}, tops
    assert not [name for name in IN_WHEEL if name not in held]
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as file:
            file.extractall(folder, filter="data")
        root = Path(folder) / f"bitlight-{version}"
        assert not [name for name in IN_SDIST if not (root / name).is_file()]
        assert not [*root.rglob("__pycache__"), *root.glob("build"), *root.glob(".venv")]
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
        subprocess.run(command, cwd=root, check=True, capture_output=True)
        (again,) = (root / "dist").glob("*.whl")
        assert content(again) == held, "the sdist gives another wheel"
    sizes = f"{wheel.stat().st_size / 1e6:.1f} MB, sdist {sdist.stat().st_size / 1e6:.1f} MB"
    print(f"bitlight {version}: wheel {sizes}; the sdist gives the same wheel")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
