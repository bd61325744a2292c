"""Separated values after RFC 4180, with other separators, quotes and encodings. All values are text.

Read by a scanner of our own, since the standard library's does not tell where a value stands in the text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, NamedTuple

from adapters.formats.amending import Edit, edited, listed, spelled
from adapters.formats.bounds import refuse_large
from adapters.formats.config import CsvSettings
from gateway.contract import ConfigError, Path, Payload, Undecodable, Unencodable

COLUMNS = 4096
"""Columns at most."""

_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([A-Za-z0-9._-]+)", re.IGNORECASE)


class _Value(NamedTuple):
    """A value and where it stands, quotes included."""

    start: int
    end: int
    text: str


class Csv:
    """Lines of values; the columns' names are configured, or stand in the first line."""

    def __init__(self, settings: CsvSettings) -> None:
        """Raises ConfigError for an unknown encoding."""
        self.media = settings.media or f"text/csv; charset={settings.encoding}"
        self._settings = settings
        self._header = settings.header if settings.header is not None else not settings.columns
        quote, end = re.escape(settings.quote), re.escape(settings.delimiter)
        self._value = re.compile(f"{quote}([^{quote}]*(?:{quote}{quote}[^{quote}]*)*){quote}|(?!{quote})[^{end}\r\n]*")
        self._end = re.compile(f"{end}|\r\n|\r|\n|\\Z")
        self._special = re.compile(f"[{quote}{end}\r\n]|^ | $")
        try:
            settings.line_end.encode(settings.encoding)
        except LookupError:
            raise ConfigError(f"encoding: {settings.encoding!r} is not known") from None

    def read(self, body: bytes, media: str = "") -> Payload:
        """The record, or all of them. Raises Undecodable with the line."""
        text, _ = self._text(body, media)
        records = [{name: value.text for name, value in row.items()} for row in self._rows(text)]
        return {"records": records} if self._settings.many else records[0]

    def _text(self, body: bytes, media: str) -> tuple[str, str]:
        """The text, its byte order mark included, and its encoding."""
        refuse_large(body, self._settings.max_decode)
        match = _CHARSET.search(media)
        encoding = match[1] if match else self._settings.encoding
        try:
            return body.decode(encoding), encoding
        except UnicodeDecodeError as error:
            raise Undecodable(f"Byte {error.start} is no character of {encoding}.", "encoding") from None
        except LookupError:
            raise Undecodable("The charset of the content type is not known.", "encoding") from None

    def _rows(self, text: str) -> Iterator[Mapping[str, _Value]]:
        lines = self._lines(text)
        names = self._names(lines)
        found = 0
        for number, line in lines:
            if len(line) != len(names):
                raise Undecodable(f"Line {number} has {len(line)} values, there are {len(names)} columns.")
            found += 1
            if found > 1 and not self._settings.many:
                raise Undecodable(f"Line {number} is another record, one is expected.")
            yield dict(zip(names, line, strict=True))
        if not found and not self._settings.many:
            raise Undecodable("The message has no record.")

    def _names(self, lines: Iterator[tuple[int, Sequence[_Value]]]) -> Sequence[str]:
        if not self._header:
            return self._settings.columns
        _, first = next(lines, (0, ()))
        names = [value.text for value in first]
        if not names or len(set(names)) != len(names) or "" in names:
            raise Undecodable("The header is missing, or two of its columns have one name, or one has none.", "header")
        if self._settings.columns and names != self._settings.columns:
            raise Undecodable("The header does not have the configured columns.", "header")
        return names

    def _lines(self, text: str) -> Iterator[tuple[int, Sequence[_Value]]]:
        """The values of each line that is not empty, with its number from 1."""
        place, number, line = 1 if text.startswith("\ufeff") else 0, 1, list[_Value]()
        while place < len(text) or line:
            value = self._at(text, place, number)
            end = self._end.match(text, value.end)
            if end is None or len(line) == COLUMNS:
                raise Undecodable(f"Line {number} has something behind a closing quote, or more than {COLUMNS} values.")
            line.append(value)
            place = end.end()
            if end[0] != self._settings.delimiter:
                if len(line) > 1 or line[0].start != line[0].end:
                    yield number, line
                number += text.count("\n", line[0].start, place) or 1
                line = []

    def _at(self, text: str, place: int, number: int) -> _Value:
        match = self._value.match(text, place)
        if match is None:
            raise Undecodable(f"Line {number} has a quote that is not closed.")
        quote = self._settings.quote
        value = match[0] if match[1] is None else match[1].replace(quote * 2, quote)
        return _Value(match.start(), match.end(), value)

    def write(self, payload: Payload) -> bytes:
        """The record, or all of them, with a header where one is expected. Raises Unencodable."""
        records = listed(payload) if self._settings.many else [payload]
        if not all(isinstance(one, Mapping) for one in records):
            raise Unencodable("A record is a group of fields.")
        names = self._settings.columns or list(records[0] if records else ())
        lines = [[self._quoted(name, (name,)) for name in names]] if self._header else []
        for index, record in enumerate(records):
            at: Path = ("records", index) if self._settings.many else ()
            if alien := [name for name in (*record, *names) if name not in record or name not in names]:
                raise Unencodable(f"{spelled((*at, alien[0]))}: is missing, or is no column.")
            lines.append([self._quoted(record[name], (*at, name)) for name in names])
        text = "".join(self._settings.delimiter.join(line) + self._settings.line_end for line in lines)
        return self._encoded(text, self._settings.encoding)

    def _quoted(self, value: Any, path: Path, quoted: bool = False) -> str:
        text, quote = _text(value, path), self._settings.quote
        needed = self._special.search(text) or (not text and len(self._settings.columns) == 1)
        if quoted or needed or self._settings.quoting == "all":
            return quote + text.replace(quote, quote * 2) + quote
        return text

    def _encoded(self, text: str, encoding: str) -> bytes:
        try:
            return text.encode(encoding)
        except UnicodeEncodeError:
            raise Unencodable(f"A value has a character that is not in {encoding}.") from None

    def amend(self, body: bytes, changes: Mapping[Path, Any], media: str = "") -> bytes:
        """The body with these values; a quoted one stays quoted. Raises Unencodable."""
        try:
            text, encoding = self._text(body, media)
            rows = list(self._rows(text))
        except Undecodable as error:
            raise Unencodable(f"The reply cannot be amended: {error}") from None
        if text.encode(encoding) != body:
            raise Unencodable(f"The reply does not survive {encoding} unchanged.")
        edits = [self._edit(rows, text, path, value) for path, value in changes.items()]
        return self._encoded(edited(text, edits), encoding)

    def _edit(self, rows: Sequence[Mapping[str, _Value]], text: str, path: Path, value: Any) -> Edit:
        way, row = path, dict[Any, _Value]()
        if self._settings.many:
            index = path[1] if path[:1] == ("records",) and len(path) == 3 else None
            row = dict(rows[index]) if isinstance(index, int) and 0 <= index < len(rows) else {}
            way = path[2:]
        else:
            row = dict(rows[0])
        if len(way) != 1 or way[0] not in row:
            raise Unencodable(f"The reply has no {spelled(path)}.")
        old = row[way[0]]
        if old.text == _text(value, path):
            return old.start, old.end, text[old.start : old.end], path
        return old.start, old.end, self._quoted(value, path, text.startswith(self._settings.quote, old.start)), path


def _text(value: Any, path: Path) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if isinstance(value, int) or (isinstance(value, float) and value - value == 0):
        return repr(value)
    if isinstance(value, date | time):
        return value.isoformat()
    raise Unencodable(f"{spelled(path)}: {type(value).__name__} is no text.")
