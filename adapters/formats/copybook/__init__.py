"""Records as a COBOL copybook describes them. Level 66 is another name for what is described already, and left out."""

from pathlib import Path

from adapters.formats.charset import Charset
from adapters.formats.config import CopybookSettings
from adapters.formats.copybook.entries import Entry
from adapters.formats.copybook.layout import Layout, Row
from adapters.formats.copybook.tree import entries
from adapters.formats.records import Layouts, Records
from gateway.contract import ConfigError

__all__ = ["Row", "copybook", "rows"]


def copybook(settings: CopybookSettings, folder: Path) -> Records:
    """The format. Raises ConfigError with file and line."""
    found = entries(folder / settings.file, settings)
    record = Layout(_chosen(found, settings), settings)
    around = [Layout(_named(name, found, settings), settings) if name else None for name in _ends(settings)]
    known = {name for one in (record, *around) if one for name in one.redefined}
    if unknown := settings.redefines.keys() - known:
        raise ConfigError(f"{settings.file}: redefines: nothing redefines {', '.join(sorted(unknown))}")
    header, trailer = (one.group if one else None for one in around)
    media = "application/octet-stream" if Charset(settings.encoding).ebcdic else "text/plain"
    return Records(Layouts(record.group, header, trailer), settings, media)


def rows(settings: CopybookSettings, folder: Path) -> list[Row]:
    """The layout of every record as people read it. Raises ConfigError with file and line."""
    found = entries(folder / settings.file, settings)
    wanted = [_chosen(found, settings)] if settings.record else found
    return [row for entry in wanted for row in Layout(entry, settings).rows]


def _ends(settings: CopybookSettings) -> tuple[str | None, str | None]:
    return settings.header, settings.trailer


def _chosen(found: list[Entry], settings: CopybookSettings) -> Entry:
    if settings.record is not None:
        return _named(settings.record, found, settings)
    around = {name.upper() for name in _ends(settings) if name}
    left = [one for one in found if one.name not in around]
    if len(left) != 1:
        names = ", ".join(one.name or "FILLER" for one in left) or "none"
        raise ConfigError(f"{settings.file}: name one `record` of {names}")
    return left[0]


def _named(name: str, found: list[Entry], settings: CopybookSettings) -> Entry:
    known = {one.name: one for one in found}
    if name.upper() not in known:
        raise ConfigError(f"{settings.file}: there is no record {name} (there are: {', '.join(known)})")
    return known[name.upper()]
