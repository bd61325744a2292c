"""JSON objects with exact decimals. What is amended keeps every byte but the replaced values' own."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from adapters.formats.amending import Edit, edited, inside, listed, spelled
from adapters.formats.bounds import DEPTH, refuse_large, rooted
from adapters.formats.config import JsonSettings
from gateway.contract import Path, Payload, Undecodable, Unencodable

MOST_DIGITS = 300
"""Of a number written out; what is longer has an exponent."""

_BLANK = re.compile(r"[ \t\r\n]*")
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


class Json:
    """UTF-8, or UTF-16 and UTF-32 as they can be told apart. Of a repeated name the last one counts."""

    def __init__(self, settings: JsonSettings | None = None) -> None:
        settings = settings or JsonSettings()
        self.media = settings.media or "application/json"
        self._limit = settings.max_decode
        self._many = settings.many

    def read(self, body: bytes, media: str = "") -> Payload:
        """The object; numbers with a point are Decimal. Raises Undecodable."""
        _, found = self._parsed(body)
        return found

    def _parsed(self, body: bytes) -> tuple["_Text", dict[str, Any]]:
        refuse_large(body, self._limit)
        text = _Text(body)
        if _depth(text.utf8()) > DEPTH:
            raise Undecodable(f"The message is nested deeper than {DEPTH}.", "too_deep")
        try:
            found, end = _decoder.raw_decode(text.value, text.start)
        except (ValueError, ArithmeticError, RecursionError) as error:
            raise Undecodable(f"not JSON: {_told(error)}") from None
        if _BLANK.match(text.value, end).end() != len(text.value):  # type: ignore[union-attr]  # it matches the empty text
            raise Undecodable(f"not JSON: something follows at character {end}")
        return text, rooted(found, self._many)

    def write(self, payload: Payload) -> bytes:
        """The object in ASCII, other characters escaped. Raises Unencodable."""
        if not self._many:
            return written(payload).encode()
        return written(listed(payload)).encode()

    def amend(self, body: bytes, changes: Mapping[Path, Any], media: str = "") -> bytes:
        """The body with these values, whole objects and arrays too. Raises Unencodable."""
        try:
            text, _ = self._parsed(body)
        except Undecodable as error:
            raise Unencodable(f"The reply cannot be amended: {error}") from None
        edits: list[Edit] = []
        for path, value in changes.items():
            start, end = text.span(inside(path, self._many), path)
            edits.append((start, end, written(value, path), path))
        return text.encoded(edited(text.value, edits))


class _Text:
    """A body as text that goes back to the same bytes; `start` is where its value begins."""

    def __init__(self, body: bytes) -> None:
        self.encoding = _encoding(body)
        try:
            self.value = body.decode(self.encoding, "surrogatepass")
        except UnicodeDecodeError as error:
            raise Undecodable(f"not JSON: byte {error.start} is not {self.encoding}", "encoding") from None
        marked = self.value.startswith("\ufeff")
        self.start = _after_blank(self.value, 1 if marked else 0)
        self._body = body

    def utf8(self) -> bytes:
        return self._body if self.encoding == "utf-8" else self.value.encode("utf-8", "surrogatepass")

    def encoded(self, text: str) -> bytes:
        return text.encode(self.encoding, "surrogatepass")

    def span(self, way: Path, path: Path) -> tuple[int, int]:
        """From and to of the value at a path. Raises Unencodable where there is none."""
        place = self.start
        for step in way:
            found = None
            if self.value[place] == ("[" if isinstance(step, int) else "{"):
                for name, start in self._members(place):
                    found = start if name == step else found
            if found is None:
                raise Unencodable(f"The reply has no {spelled(path)}.")
            place = found
        return place, _decoder.raw_decode(self.value, place)[1]

    def _members(self, place: int) -> Iterator[tuple[str | int, int]]:
        """Names or indices of an object's or array's members, and where the value of each begins."""
        named, place = self.value[place] == "{", _after_blank(self.value, place + 1)
        index = 0
        while self.value[place] not in "}]":
            key: str | int = index
            if named:
                key, place = _decoder.raw_decode(self.value, place)
                place = _after_blank(self.value, _after_blank(self.value, place) + 1)
            yield key, place
            place = _after_blank(self.value, _decoder.raw_decode(self.value, place)[1])
            place = _after_blank(self.value, place + 1) if self.value[place] == "," else place
            index += 1


def _after_blank(text: str, place: int) -> int:
    match = _BLANK.match(text, place)
    return match.end() if match else place


def _encoding(body: bytes) -> str:
    """As RFC 4627 tells the encodings apart; a byte order mark stays in the text."""
    found = json.detect_encoding(body)
    if found == "utf-8-sig":
        return "utf-8"
    if found in ("utf-16", "utf-32"):
        return found + ("-le" if body.startswith(b"\xff\xfe") else "-be")
    return found


def _depth(body: bytes) -> int:
    """How deep objects and arrays are nested; 0 where they are too few to be too deep."""
    if body.count(b"{") + body.count(b"[") <= DEPTH:
        return 0
    depth = deepest = 0
    for sign in _TEXTS.sub(b"", body):
        if sign in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in b"}]":
            depth -= 1
    return deepest


def _told(error: Exception) -> str:
    """What is wrong and where, without anything of the message."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.lower()} at character {error.pos}"
    return "a number has too many digits" if not isinstance(error, RecursionError) else "it is nested too deep"


def written(value: Any, path: Path = ()) -> str:
    """A value as JSON text. Raises Unencodable, naming its place."""
    try:
        return _written(value, 0)
    except (TypeError, ValueError) as error:
        where = f"{spelled(path)}: " if path else ""
        raise Unencodable(f"{where}cannot be written as JSON: {error}") from None


def _written(value: Any, depth: int) -> str:
    if depth > DEPTH:
        raise ValueError(f"it is nested deeper than {DEPTH}")
    if value is None or isinstance(value, str | int | float):
        return json.dumps(value, allow_nan=False)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, date | time):
        return json.dumps(value.isoformat())
    if isinstance(value, Mapping):
        members = (f"{json.dumps(_name(name))}: {_written(one, depth + 1)}" for name, one in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_written(one, depth + 1) for one in value) + "]"
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a name is {type(name).__name__}, not text")
    return name


def _number(value: Decimal) -> str:
    """All its digits, zeros at the end included."""
    if not value.is_finite():
        raise ValueError("it is not a finite number")
    exponent = value.as_tuple().exponent
    short = isinstance(exponent, int) and -MOST_DIGITS <= exponent <= 0 and value.adjusted() < MOST_DIGITS
    return format(value, "f") if short else str(value)
