"""Rows as messages: a row's columns by name, encoded as JSON that keeps types, and only when somebody wants the bytes.

Decimals stay exact. A row that was just read is not decoded again. What the incumbent wrote into a row is its reply.
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import orjson

from adapters.formats import Format
from gateway.contract import Call, Opaque, Outcome, Path, Payload, Raw, Refusal, Undecodable, Unencodable, Values

MEDIA = "application/vnd.understudy.row+json"
FAILED = 1
"""The status of a row on which the old batch itself has failed."""
_WRITE: Mapping[type, tuple[str, Callable[[Any], str]]] = {
    Decimal: ("$decimal", str),
    datetime: ("$datetime", datetime.isoformat),
    date: ("$date", date.isoformat),
    time: ("$time", time.isoformat),
    bytes: ("$bytes", lambda value: base64.b64encode(value).decode()),
}
_COLUMN = frozenset((str, int, bool, float, Decimal, datetime, date, time, type(None)))
"""What an answer's value may be."""
_READ: Mapping[str, Callable[[str], Any]] = {
    "$decimal": Decimal,
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$bytes": base64.b64decode,
}


class RowRaw(Raw):
    """A row as a message."""

    __slots__ = ("_encoded", "row")

    def __init__(self, row: Payload, status: int = 0) -> None:
        self.row = row
        self._encoded: bytes | None = None
        self.media = MEDIA
        self.status = status
        self.headers = ()
        self.rest = None

    @property
    def body(self) -> bytes:  # type: ignore[override]  # encoded when first asked for: often nobody does
        """The row as JSON."""
        if self._encoded is None:
            self._encoded = encode(self.row)
        return self._encoded


def encode(row: Payload) -> bytes:
    """A row as JSON with types. Never fails: it is asked for where nobody could deal with that."""
    try:
        return orjson.dumps(row, _tagged, orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:  # a whole number of more than 64 bits, half a surrogate pair
        return json.dumps(row, default=_tagged).encode()


def _tagged(value: Any) -> Mapping[str, str] | str:
    tag, write = _WRITE.get(type(value), ("", str))
    return {tag: write(value)} if tag else write(value)


def decode(body: bytes) -> dict[str, Any]:
    """A row from its JSON. Raises Undecodable."""
    try:
        row = json.loads(body, object_hook=_untagged, parse_float=_finite, parse_constant=_finite)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise Undecodable(f"not a row: {error}") from error
    if not isinstance(row, dict):
        raise Undecodable("not a row")
    return row


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError("not a finite number")
    return number


def _untagged(found: dict[str, Any]) -> Any:
    if len(found) == 1:
        [(tag, value)] = found.items()
        if tag in _READ and isinstance(value, str):
            return _READ[tag](value)
    return found


class RowCodec:
    """gateway.contract.Codec for the rows of one table, and Asks for those of a query."""

    def __init__(
        self, formats: Mapping[str, Format], lists: Mapping[str, str], refusal: tuple[str, str | None] | None
    ) -> None:
        """`formats` by column that holds a message, `lists` the separators by column, `refusal` the columns with a
        refusal's code and message."""
        self._formats = formats
        self._lists = lists
        self._refusal = refusal

    def request(self, raw: Raw) -> Payload:
        """The row's columns, those that hold a message read. Raises Undecodable."""
        row = raw.row if isinstance(raw, RowRaw) else decode(raw.body)
        return self._opened(row) if self._formats or self._lists else row

    def reply(self, raw: Raw) -> Outcome:
        """The answer in a row. Raises Undecodable."""
        if raw.status == FAILED:
            return Opaque("error")
        row = raw.row if isinstance(raw, RowRaw) else decode(raw.body)
        if self._refusal and row.get(self._refusal[0]) not in (None, ""):
            code, message = self._refusal
            return Refusal(str(row[code]), str(row.get(message) or "") if message else "")
        return Values(self._opened(row) if self._formats or self._lists else row)

    def encode(self, outcome: Values | Refusal, call: Call) -> Raw:
        """The columns that the answer sets. Raises Unencodable."""
        if isinstance(outcome, Refusal):
            return RowRaw(self._refused(outcome))
        return RowRaw(self._closed(outcome.fields))

    def amend(self, raw: Raw, changes: Mapping[Path, Any]) -> Raw:
        """The row with columns replaced; within a column that holds a message every other byte is kept."""
        row = dict(raw.row if isinstance(raw, RowRaw) else _readable(raw.body))
        within: dict[str, dict[Path, Any]] = {}
        for path, value in changes.items():
            column = str(path[0])
            if column not in row or row[column] is None or (len(path) > 1 and column not in self._formats):
                raise Unencodable(f"the row has no {'.'.join(map(str, path))}")
            if len(path) > 1:
                within.setdefault(column, {})[path[1:]] = value
            else:
                row[column] = value
        for column, inner in within.items():
            row[column] = _like(self._formats[column].amend(_octets(row[column]), inner), row[column])
        return RowRaw(self._flat(row), raw.status)

    def ask(self, fields: Payload) -> Raw:
        """The values that a query is asked with."""
        return RowRaw(self._closed(fields))

    def _opened(self, row: Payload) -> Payload:
        opened = dict(row)
        for column, separator in self._lists.items():
            if isinstance(value := row.get(column), str):
                opened[column] = [part for part in value.split(separator) if part]
        for column, form in self._formats.items():
            if (value := row.get(column)) is not None:
                opened[column] = form.read(_octets(value), "")
        return opened

    def _closed(self, fields: Payload) -> Payload:
        closed = dict(fields)
        for column, value in fields.items():
            if value.__class__ not in _COLUMN and not isinstance(value, Mapping | list):
                raise Unencodable(f"{column}: {type(value).__name__} is no column's value")
            if isinstance(value, float | Decimal) and not math.isfinite(value):
                raise Unencodable(f"{column}: not a finite number")
        for column, form in self._formats.items():
            if isinstance(fields.get(column), Mapping):
                closed[column] = _text(form.write(fields[column]))
        return self._flat(closed)

    def _flat(self, row: dict[str, Any]) -> Payload:
        for column, value in row.items():
            if isinstance(value, list):
                if column not in self._lists:
                    raise Unencodable(f"{column} is a list: say under `lists` what separates its items")
                row[column] = self._lists[column].join(map(str, value))
            elif isinstance(value, Mapping):
                raise Unencodable(f"{column} is a group of fields: say under `formats` how it is written")
        return row

    def _refused(self, refusal: Refusal) -> Payload:
        if self._refusal is None:
            raise Unencodable(f"the table has no columns for a refusal ({refusal.code}); name them under `refusal`")
        self._closed(refusal.detail)  # there is no place for it, but what cannot be written is an error everywhere
        code, message = self._refusal
        return {code: refusal.code} | ({message: refusal.message} if message else {})


def _readable(body: bytes) -> dict[str, Any]:
    try:
        return decode(body)
    except Undecodable as error:
        raise Unencodable(str(error)) from error


def _octets(value: Any) -> bytes:
    if isinstance(value, bytes | str):
        return value.encode() if isinstance(value, str) else value
    return orjson.dumps(value)  # the driver has read a JSON column itself


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _like(body: bytes, before: Any) -> Any:
    return body.decode() if isinstance(before, str) else body
