"""The files of the project, as far as they are committed or packaged."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "adapters", "models")
HIDDEN = {".ci", ".dockerignore", ".gitignore"}
MADE = {"__pycache__", "build", "dist"}


def project_files() -> Iterator[Path]:
    """Every file that is, or is about to be, committed; works without git."""
    return _below(ROOT)


def packaged_files() -> Iterator[Path]:
    """Every file that the wheel must carry."""
    return (path for name in PACKAGES for path in _below(ROOT / name))


def _below(top: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(top):
        here = Path(folder)
        folders[:] = [name for name in folders if _kept(here / name)]
        yield from (here / name for name in names if _kept(here / name))


def _kept(path: Path) -> bool:
    made = path.name in MADE or path.suffix in {".egg-info", ".pyc"} or (path / "pyvenv.cfg").exists()
    return not made and (not path.name.startswith(".") or path.name in HIDDEN)
