"""`understudy formats`: the layout of a copybook's records; bodies of any format as payloads and back."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from gateway import registry
from gateway.cli import console
from gateway.contract import ConfigError
from gateway.document import Document, decode
from gateway.validation import validated


def formats(
    file: Path, records: Path | None, payload: Path | None, encoding: str | None, record: str | None
) -> None:  # fmt: skip
    """Does what is asked for. Raises ConfigError, Undecodable and Unencodable."""
    if records and payload:
        raise ConfigError("give one of --decode and --encode")
    explain = registry.formats()
    settings = _settings(explain, file, encoding, record)
    if records:
        _decode(explain, settings, file.parent, records)
    elif payload:
        sys.stdout.buffer.write(explain.encode(settings, file.parent, _content(payload)))
    else:
        _show(file, explain.layout(settings, file.parent))


def _decode(explain: Any, settings: Any, folder: Path, records: Path) -> None:
    body, count = _content(records), 0
    for count, line in enumerate(explain.decode(settings, folder, body), 1):  # noqa: B007 - looked at below
        sys.stdout.write(line + "\n")
    if not count:
        console.warn(f"{records} has no records: it has {len(body)} bytes")


def _settings(explain: Any, file: Path, encoding: str | None, record: str | None) -> Any:
    if file.suffix.lower() in (".yaml", ".yml"):
        if encoding or record:
            raise ConfigError(f"{file} says the encoding and the record itself")
        return _validated(explain, decode(_content(file), file.name), file)
    section = {"type": "copybook", "file": file.name, "many": True, "encoding": encoding, "record": record}
    given = {key: value for key, value in section.items() if value is not None}
    return _validated(explain, json.dumps({"format": given}), file)


def _validated(explain: Any, text: str, file: Path) -> Any:
    document = Document(text, file.name)
    reading = document.read(os.environ, file.parent)
    found = validated(explain.FormatFile, (), document, reading)
    if found is None or reading.problems:
        raise ConfigError(*(problem.sentence(file.name) for problem in sorted(set(reading.problems))))
    return found.format


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _show(file: Path, rows: Any) -> None:
    shown = [
        (f"{'  ' * row.depth}{row.level:02} {row.name}", "varies" if row.offset is None else str(row.offset),
         row.length, row.picture)
        for row in rows
    ]  # fmt: skip
    console.console().print(console.table(str(file), ["field", "offset", "length", "picture"], shown))
