"""Copybooks of the tests: written into a folder, read as a format."""

from pathlib import Path
from typing import Any

from adapters.formats.config import CopybookSettings
from adapters.formats.copybook import copybook, rows
from adapters.formats.records import Records


def columns(text: str) -> str:
    """The text in columns 8 to 72, as a fixed source."""
    lines = text.strip("\n").split("\n")
    assert all(len(line) <= 65 for line in lines)
    return "".join(f"{' ' * 7}{line}\n" for line in lines)


def record(folder: Path, text: str, **settings: Any) -> Records:
    """The format of a copybook."""
    (folder / "test.cpy").write_text(columns(text))
    return copybook(CopybookSettings(file="test.cpy", **settings), folder)


def offsets(folder: Path, text: str, **settings: Any) -> dict[str, tuple[int | None, int]]:
    """Offset and length of each field."""
    (folder / "test.cpy").write_text(columns(text))
    found = rows(CopybookSettings(file="test.cpy", **settings), folder)
    return {row.name: (row.offset, row.length) for row in found}
