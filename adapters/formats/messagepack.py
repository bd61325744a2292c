"""MessagePack maps, bounded; timestamps are aware datetimes, other extensions are refused."""

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import msgpack

from adapters.formats.amending import Edit, edited, inside, listed, spelled
from adapters.formats.bounds import DEPTH, refuse_large, rooted
from adapters.formats.config import MessagePackSettings
from gateway.contract import Path, Payload, Undecodable, Unencodable


class MessagePack:
    """MessagePack has no decimals: one that a float cannot hold exactly is refused."""

    def __init__(self, settings: MessagePackSettings) -> None:
        self.media = settings.media or "application/x-msgpack"
        self._limit, self._many = settings.max_decode, settings.many

    def read(self, body: bytes, media: str = "") -> Payload:
        """The map. Raises Undecodable."""
        refuse_large(body, self._limit)
        try:
            # A length that is claimed and not there allocates nothing: lists and maps are at most as long as the body.
            found = msgpack.unpackb(body, timestamp=3, strict_map_key=True, ext_hook=_no_extension)
        except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
            raise Undecodable(f"The message is no MessagePack: {type(error).__name__}.") from None
        _check(found)
        return rooted(found, self._many)

    def write(self, payload: Payload) -> bytes:
        """The map, or the array of maps. Raises Unencodable."""
        return _packed(listed(payload) if self._many else payload, ())

    def amend(self, body: bytes, changes: Mapping[Path, Any], media: str = "") -> bytes:
        """The body with these values, whole maps and arrays too. Raises Unencodable."""
        try:
            self.read(body, media)
        except Undecodable as error:
            raise Unencodable(f"The reply cannot be amended: {error}") from None
        edits: list[Edit] = []
        for path, value in changes.items():
            start, end = self._span(body, path)
            packed = _packed(value, path)
            same = msgpack.unpackb(body[start:end], timestamp=3) == value
            edits.append((start, end, body[start:end] if same else packed, path))
        return edited(body, edits)

    def _span(self, body: bytes, path: Path) -> tuple[int, int]:
        start = 0
        for step in inside(path, self._many):
            place = _member(body[start:], step)
            if place is None:
                raise Unencodable(f"The reply has no {spelled(path)}.")
            start += place
        unpacker = _unpacker(body[start:])
        unpacker.skip()
        return start, start + unpacker.tell()


def _unpacker(data: bytes) -> Any:
    unpacker = msgpack.Unpacker(max_buffer_size=len(data))
    unpacker.feed(data)
    return unpacker


def _member(data: bytes, step: str | int) -> int | None:
    """Where the value of a map's last key of this name begins, or that of an array's item."""
    unpacker = _unpacker(data)
    found = None
    try:
        count = unpacker.read_array_header() if isinstance(step, int) else unpacker.read_map_header()
    except ValueError:
        return None
    for index in range(count):
        key = index if isinstance(step, int) else unpacker.unpack()
        found = unpacker.tell() if key == step else found
        unpacker.skip()
    return found


def _no_extension(code: int, data: bytes) -> Any:
    raise ValueError("an extension")


def _check(found: Any) -> None:
    """Raises Undecodable for keys that are no text, numbers that are none, and what is nested too deep."""
    waiting = [(found, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, float) and not math.isfinite(value):
            raise Undecodable("A number of the message is not finite.")
        if isinstance(value, dict | list):
            if depth == DEPTH:
                raise Undecodable(f"The message is nested deeper than {DEPTH}.", "too_deep")
            if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
                raise Undecodable("A key of the message is no text.")
            below = value.values() if isinstance(value, dict) else value
            waiting.extend((one, depth + 1) for one in below)


def _packed(value: Any, path: Path) -> bytes:
    try:
        made: bytes = msgpack.packb(_plain(value, 0), datetime=True)
    except (ValueError, TypeError, OverflowError) as error:
        where = f"{spelled(path)}: " if path else ""
        raise Unencodable(f"{where}cannot be written as MessagePack: {error}") from None
    return made


def _plain(value: Any, depth: int) -> Any:
    if depth > DEPTH:
        raise ValueError(f"it is nested deeper than {DEPTH}")
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("a name is not text")
        return {name: _plain(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, depth + 1) for one in value]
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it is not a finite number")
    if isinstance(value, date | time) and not (isinstance(value, datetime) and value.tzinfo):
        return value.isoformat()
    return value


def _number(value: Decimal) -> int | float:
    if not value.is_finite() or abs(value.adjusted()) > 300:
        raise ValueError("it is not a finite number of sane size")
    written = int(value) if value == value.to_integral_value() else float(value)
    if Decimal(repr(written)) != value:
        raise ValueError(f"a number of {len(value.as_tuple().digits)} digits would not stay exact")
    return written
