"""What `understudy formats` shows: the layout of records, and bodies as payloads and back."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import Any

from adapters.formats import build
from adapters.formats.config import CopybookSettings, FormatSettings, JsonSettings, RecordSettings
from adapters.formats.copybook import Row, rows
from adapters.formats.json import Json, written
from gateway.contract import ConfigError, Payload, Undecodable, Unencodable
from gateway.settings import Settings

LARGEST = 64 << 20
"""Bytes of a body that are read."""
_LARGE = {"max_decode": LARGEST}


class FormatFile(Settings):
    """A file with a format as it stands under an adapter's `format`."""

    format: FormatSettings


def layout(settings: FormatSettings, folder: Path) -> Sequence[Row]:
    """The fields of a copybook's records. Raises ConfigError, also where it is another format."""
    if not isinstance(settings, CopybookSettings):
        raise ConfigError("only a copybook has a layout to show; give --decode or --encode")
    return rows(settings, folder)


def decode(settings: FormatSettings, folder: Path, body: bytes) -> Iterator[str]:
    """Each record as a JSON object, header and trailer too. Raises ConfigError and Undecodable."""
    payload = build(_large(settings), folder).read(body)
    for record in _records(payload) if getattr(settings, "many", False) else [payload]:
        yield written(_shown(record))


def _records(payload: Payload) -> Iterator[Payload]:
    if "header" in payload:
        yield payload["header"]
    yield from payload["records"]
    if "trailer" in payload:
        yield payload["trailer"]


def _shown(value: Any) -> Any:
    """The value as JSON can carry it: bytes as hexadecimal digits, moments as text."""
    if isinstance(value, Mapping):
        return {name: _shown(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value.isoformat() if isinstance(value, date | time) else value


def encode(settings: FormatSettings, folder: Path, text: bytes) -> bytes:
    """The body of JSON objects, one a record, one behind the other or in an array. Raises ConfigError, Unencodable."""
    records = _given(text)
    if not getattr(settings, "many", False):
        if len(records) != 1:
            raise Unencodable(f"One record is written, {len(records)} are given.")
        return build(settings, folder).write(records[0])
    around = settings if isinstance(settings, RecordSettings) else None
    header, trailer = getattr(around, "header", None), getattr(around, "trailer", None)
    if len(records) < bool(header) + bool(trailer):
        raise Unencodable("Header and trailer are missing.")
    payload: dict[str, Any] = {"header": records.pop(0)} if header else {}
    payload |= {"trailer": records.pop()} if trailer else {}
    return build(_large(settings), folder).write({**payload, "records": records})


def _given(text: bytes) -> list[Payload]:
    """The records of an array, of one object, or of objects on a line each. Raises ConfigError."""
    one, many = (Json(JsonSettings(many=many).model_copy(update=_LARGE)) for many in (False, True))
    try:
        if text.lstrip()[:1] == b"[":
            return list(many.read(text)["records"])
        lines = [line for line in text.splitlines() if line.strip()]
        return [one.read(line) for line in lines] if all(map(_whole, lines)) else [one.read(text)]
    except Undecodable as error:
        raise ConfigError(
            f"The payload is neither a JSON object, nor an array of them, nor one a line: {error}"
        ) from None


def _whole(line: bytes) -> bool:
    return line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}")


def _large(settings: FormatSettings) -> FormatSettings:
    return settings.model_copy(update=_LARGE)
