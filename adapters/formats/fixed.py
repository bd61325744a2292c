"""Fixed-width records whose fields are declared in the configuration."""

from collections.abc import Sequence

from adapters.formats.charset import Charset
from adapters.formats.config import FixedField, FixedSettings
from adapters.formats.fields import Blank, Coding, Filler, Spelled, Text
from adapters.formats.record import ABSENT, Field, Group
from adapters.formats.records import Layouts, Records
from adapters.formats.storage import Binary, Hexadecimal, Ieee, Packed, Zoned
from gateway.contract import ConfigError

_FLOATS = (4, 8)


def fixed(settings: FixedSettings) -> Records:
    """The format. Raises ConfigError with the field that cannot be."""
    record = _group(settings.fields, settings, "fields", settings.length)
    header = _group(settings.header, settings, "header") if settings.header else None
    trailer = _group(settings.trailer, settings, "trailer") if settings.trailer else None
    media = "application/octet-stream" if Charset(settings.encoding).ebcdic else "text/plain"
    return Records(Layouts(record, header, trailer), settings, media)


def _group(fields: Sequence[FixedField], settings: FixedSettings, where: str, length: int | None = None) -> Group:
    parts: list[Field] = []
    seen: set[str] = set()
    at = 0
    for number, one in enumerate(fields):
        try:
            charset = Charset(one.encoding or settings.encoding)
            at = _gap(parts, at, one.offset, charset)
            parts.append(_field(one, charset, settings))
        except ValueError as error:
            raise ConfigError(f"{where}[{number}] {one.name or ''}: {error}") from None
        if one.name in seen:
            raise ConfigError(f"{where}[{number}]: there is a field {one.name} already")
        seen |= {one.name} if one.name else set()
        at += one.length
    if length is not None and length < at:
        raise ConfigError(f"length: the fields have {at} bytes")
    _gap(parts, at, length, Charset(settings.encoding))
    return Group("", parts)


def _gap(parts: list[Field], at: int, offset: int | None, charset: Charset) -> int:
    """Fills up to an offset. Raises ValueError where that is already taken."""
    if offset is None or offset == at:
        return at
    if offset < at:
        raise ValueError(f"begins at byte {offset}, but what is before it ends at {at}; list fields in their order")
    parts.append(Field("", Filler(offset - at), charset.space * (offset - at)))
    return offset


def _field(one: FixedField, charset: Charset, settings: FixedSettings) -> Field:
    if one.name is None:
        text = Text(one.length, charset, pad=one.pad)
        return Field("", Filler(one.length), text.write("" if one.value is None else str(one.value)))
    coding = _coding(one, charset, settings)
    if settings.blank_numbers == "nil" and one.type in ("number", "zoned"):
        coding = Blank(coding, charset, None)
    initial = one.value if one.value is not None else coding.initial if settings.initialize else ABSENT
    if one.value is not None:
        coding.write(one.value)
    return Field(one.name, coding, initial)


def _coding(one: FixedField, charset: Charset, settings: FixedSettings) -> Coding:
    right = one.justify == "right"
    if one.type == "text":
        return Text(one.length, charset, right=right, pad=one.pad, trim=settings.trim)
    if one.type == "number":
        return Spelled(one.length, charset, scale=one.scale, right=one.justify != "left", pad=one.pad)
    scale = one.scale or 0
    if one.type == "zoned":
        return _zoned(one, scale, charset, settings)
    if one.type == "packed":
        nibble = one.sign != "none"
        return Packed(2 * one.length - nibble, scale, signed=one.signed and nibble, nibble=nibble)
    if one.type == "binary":
        if one.length > 8:
            raise ValueError("a binary number has 8 bytes at most")
        return Binary(one.length, scale, signed=one.signed, order=one.order)
    if one.length not in _FLOATS:
        raise ValueError("a float has 4 or 8 bytes")
    return Hexadecimal(one.length) if one.type == "hex_float" else Ieee(one.length, one.order)


def _zoned(one: FixedField, scale: int, charset: Charset, settings: FixedSettings) -> Zoned:
    separate = one.sign in ("leading", "trailing")
    signed = one.signed and one.sign != "none"
    digits = one.length - (separate and signed)
    if digits < 1:
        raise ValueError("has no place for a digit beside its sign")
    return Zoned(
        digits, scale, charset, signed=signed, leading=one.sign.startswith("leading"), separate=separate,
        overpunch=settings.overpunch,
    )  # fmt: skip
