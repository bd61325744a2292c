"""Bodies of records with a layout, be it declared or read from a copybook: one, or many with header and trailer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from adapters.formats.amending import Edit, edited, spelled
from adapters.formats.bounds import refuse_large
from adapters.formats.charset import Charset
from adapters.formats.config import RecordSettings
from adapters.formats.framing import Contiguous, Described, Frame, Framing, Separated, Whole
from adapters.formats.record import Damage, Field, Group
from gateway.contract import ConfigError, Path, Payload, Undecodable, Unencodable

Places = Mapping[Path, tuple[Field, int]]


@dataclass(slots=True, frozen=True)
class Layouts:
    """The records of a body."""

    record: Group
    header: Group | None = None
    trailer: Group | None = None

    def all(self) -> Sequence[Group]:
        """Those that there are."""
        return [one for one in (self.header, self.record, self.trailer) if one is not None]


class Records:
    """gateway's format of records; without `many` the payload is the record's own."""

    def __init__(self, layouts: Layouts, settings: RecordSettings, media: str) -> None:
        """Raises ConfigError where the settings do not fit the layouts."""
        self.media = settings.media or media
        self._layouts, self._settings = layouts, settings
        self._check(settings)
        self._framing = _framing(layouts, settings)

    def _check(self, settings: RecordSettings) -> None:
        around = self._layouts.header or self._layouts.trailer
        if around and not settings.many:
            raise ConfigError("header and trailer need `many: true`")
        if self._layouts.trailer and self._layouts.trailer.least != self._layouts.trailer.most:
            raise ConfigError("the trailer must have a fixed length")
        ends = (self._layouts.header, self._layouts.trailer)
        if settings.count and not any(settings.count in one.known for one in ends if one):
            raise ConfigError(f"count: {settings.count} is in neither header nor trailer")
        if (most := max(one.most for one in self._layouts.all())) > settings.max_decode:
            raise ConfigError(f"a record may have {most} bytes, which is more than max_decode allows")

    def read(self, body: bytes, media: str = "") -> Payload:
        """The record, or all of them. Raises Undecodable with the field and its byte."""
        parts: dict[str, Any] = {"records": []}
        for place, layout, (start, stop) in self._frames(body):
            values = _values(layout, body[start:stop], place, start)
            if not place:
                return values
            if place[0] == "records":
                parts["records"].append(values)
            else:
                parts[str(place[0])] = values
        self._recount(parts)
        return parts

    def _recount(self, parts: Mapping[str, Any]) -> None:
        name = self._settings.count
        for end in ("header", "trailer"):
            if name and name in parts.get(end, {}) and parts[end][name] != len(parts["records"]):
                raise Undecodable(
                    f"{end}.{name} is not the number of records, which is {len(parts['records'])}.", "count"
                )

    def _frames(self, body: bytes) -> Iterator[tuple[Path, Group, Frame]]:
        """Each record with its place in the payload and its layout. Raises Undecodable."""
        refuse_large(body, self._settings.max_decode)
        frames = self._framing.frames(body)
        yield from self._many(frames) if self._settings.many else self._one(frames)

    def _one(self, frames: Iterator[Frame]) -> Iterator[tuple[Path, Group, Frame]]:
        found = [frame for _, frame in zip(range(2), frames, strict=False)]
        if len(found) != 1:
            raise Undecodable("The message has " + ("no record." if not found else "more than one record."))
        yield (), self._layouts.record, found[0]

    def _many(self, frames: Iterator[Frame]) -> Iterator[tuple[Path, Group, Frame]]:
        header, trailer = self._layouts.header, self._layouts.trailer
        if header is not None:
            yield ("header",), header, _next(frames, "header")
        ended, index = trailer is None, 0
        for frame, following in pairwise(chain[Frame | None](frames, [None])):
            assert frame is not None  # noqa: S101 - None comes last, so only as the following one
            if following is None and trailer is not None:
                ended = True
                yield ("trailer",), trailer, frame
            else:
                yield ("records", index), self._layouts.record, frame
                index += 1
        if not ended:
            raise Undecodable("The message has no trailer.")

    def write(self, payload: Payload) -> bytes:
        """The record, or all of them. Raises Unencodable with the field."""
        if not self._settings.many:
            return self._framing.framed(_written(self._layouts.record, payload, ()))
        records = payload.get("records")
        if not isinstance(records, list | tuple):
            raise Unencodable('A body of many records is written from {"records": [...]}.')
        header, trailer = self._layouts.header, self._layouts.trailer
        known = {"records", *["header"] * bool(header), *["trailer"] * bool(trailer)}
        if alien := payload.keys() - known:
            raise Unencodable(f"{spelled((min(map(str, alien)),))} has no place beside the records.")
        parts = [self._end(header, "header", payload, len(records))] if header else []
        parts += [_written(self._layouts.record, one, ("records", index)) for index, one in enumerate(records)]
        parts += [self._end(trailer, "trailer", payload, len(records))] if trailer else []
        return b"".join(map(self._framing.framed, parts))

    def _end(self, layout: Group, name: str, payload: Payload, records: int) -> bytes:
        values = payload.get(name, {})
        count = self._settings.count
        if count in layout.known and isinstance(values, Mapping) and values.get(str(count)) is None:
            values = {**values, str(count): records}
        return _written(layout, values, (name,))

    def amend(self, body: bytes, changes: Mapping[Path, Any], media: str = "") -> bytes:
        """The body with these values, each in the bytes of its field. Raises Unencodable.

        A list of fields can be given whole. What the layout depends on cannot be replaced."""
        edits: list[Edit] = []
        left = dict(changes)
        try:
            for place, layout, (start, stop) in self._frames(body):
                own = [path for path in left if path[: len(place)] == place]
                found = _places(layout, body[start:stop], place, start) if own else {}
                edits += [one for path in own for one in self._edits(path, left.pop(path), found, body, start)]
        except Undecodable as error:
            raise Unencodable(f"The reply cannot be amended: {error}") from None
        if left:
            raise Unencodable(f"The reply has no {spelled(next(iter(left)))}.")
        return edited(body, edits)

    def _edits(self, path: Path, value: Any, found: Places, body: bytes, start: int) -> Iterator[Edit]:
        if path in found:
            yield _edit(path, value, *found[path], body, start)
            return
        items = [place for place in found if place[:-1] == path and isinstance(place[-1], int)]
        if not items or not isinstance(value, list | tuple):
            raise Unencodable(f"The reply has no {spelled(path)} that is a field.")
        if len(value) > len(items) or (len(value) < len(items) and not self._settings.initialize):
            raise Unencodable(f"{spelled(path)} has {len(items)} values in the reply, {len(value)} are given.")
        for place in items:
            given = value[place[-1]] if place[-1] < len(value) else found[place][0].coding.initial  # type: ignore[operator,index]  # an index, as asked above
            yield _edit(place, given, *found[place], body, start)


def _framing(layouts: Layouts, settings: RecordSettings) -> Framing:
    if settings.separator is not None:
        try:
            return Separated(Charset(settings.encoding).encoded(settings.separator), layouts.all())
        except ValueError as error:
            raise ConfigError(f"separator: {error}") from None
    if settings.rdw:
        return Described()
    return Contiguous(layouts.record, layouts.header, layouts.trailer) if settings.many else Whole()


def _next(frames: Iterator[Frame], name: str) -> Frame:
    found = next(frames, None)
    if found is None:
        raise Undecodable(f"The message has no {name}.")
    return found


def _values(layout: Group, data: bytes, place: Path, start: int) -> Payload:
    values: dict[str, Any] = {}
    try:
        _refuse_rest(data, layout.values(data, 0, values, {}))
    except Damage as damage:
        raise _told(damage, place, start) from None
    return values


def _places(layout: Group, data: bytes, place: Path, start: int) -> Places:
    found: dict[Path, tuple[Field, int]] = {}
    try:
        _refuse_rest(data, layout.places(data, 0, place, found, {}))
    except Damage as damage:
        raise _told(damage, place, start) from None
    return found


def _refuse_rest(data: bytes, end: int) -> None:
    if end != len(data):
        raise Damage((), f"the record has {len(data)} bytes, its layout {end}")


def _told(damage: Damage, place: Path, start: int) -> Undecodable:
    """Damage with the path from the payload's root, and where the record begins."""
    within = f", in the record that begins at byte {start}" if start else ""
    return Undecodable(f"{spelled((*place, *damage.path))}: {damage}{within}.")


def _written(layout: Group, values: Any, place: Path) -> bytes:
    out = bytearray()
    try:
        layout.put(values, out, {})
    except Damage as damage:
        raise Unencodable(f"{spelled((*place, *damage.path))}: {damage}.") from None
    return bytes(out)


def _edit(path: Path, value: Any, field: Field, at: int, body: bytes, start: int) -> Edit:
    begin, end = start + at, start + at + field.most
    if field.decides:
        raise Unencodable(f"{spelled(path)} says how the record is laid out and cannot be replaced.")
    try:
        written = field.coding.write(value)
        if field.coding.read(body[begin:end]) == value:
            written = body[begin:end]  # another spelling of the same would change bytes for nothing
        return begin, end, written, path
    except ValueError as error:
        raise Unencodable(f"{spelled(path)}: {error}.") from None
