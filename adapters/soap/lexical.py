"""XML Schema's built-in simple types: text to value and back, strictly by their lexical forms.

Source: XML Schema Part 2, section 3. Values are Payload scalars: str, int, Decimal, float, bool, bytes, date, datetime,
time; durations and the g-types stay text. `parse` and `format` raise ValueError and say what was expected.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from adapters.soap.moments import (
    BLANK,
    ZONE,
    format_date,
    format_datetime,
    format_time,
    parse_date,
    parse_datetime,
    parse_time,
)
from adapters.soap.namespaces import XSD, QName

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPECIAL = {"INF": float("inf"), "+INF": float("inf"), "-INF": float("-inf"), "NaN": float("nan")}
_DURATION = r"-?P(?=.)(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:T(?=.)(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?"
_WORDS = re.compile(r"[^ \t\r\n]+").findall
_NAME = r"[^\W\d][\w.\-:·]*"


@dataclass(slots=True, frozen=True)
class Simple:
    """A simple type. `blank` is its whiteSpace facet, which `parse` applies; `choices`, each by itself, all that
    it allows, if texts."""

    name: str
    parse: Callable[[str], Any]
    format: Callable[[Any], str]
    blank: str = "collapse"
    kind: type = str
    choices: Mapping[str, str] | None = None
    named: bool = False
    """Whether its value is a qualified name, whose prefix only the element can tell."""
    qname: QName | None = None
    """Its name in full, where it has one."""

    @property
    def safe(self) -> bool:
        """Whether its text never needs an escape."""
        return self.kind in (bool, int, float, Decimal, bytes, date, datetime, time)


def replaced(text: str) -> str:
    """The text with each blank a space (whiteSpace=replace)."""
    return text.translate({9: " ", 10: " ", 13: " "})


def words(text: str) -> list[str]:
    """What stands between XML's own four blanks: a no-break space is a letter here."""
    return _WORDS(text)


def collapsed(text: str) -> str:
    """The text without blanks at its ends, and single spaces inside (whiteSpace=collapse)."""
    return " ".join(words(text))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, not {type(value).__name__}")
    return value


def _matching(name: str, pattern: str) -> Simple:
    matches = re.compile(pattern).fullmatch

    def parse(text: str) -> str:
        # No pattern has a blank, so what matches is collapsed already.
        if matches(text) is None and matches(text := collapsed(text)) is None:
            raise ValueError(f"{text[:60]!r} is no {name}")
        return text

    return Simple(name, parse, lambda value: parse(_text(value)))


def _qualified(name: str) -> Simple:
    read = _matching(name, _NAME)

    def format(value: Any) -> str:
        text = read.format(value)
        if ":" in text:
            raise ValueError(f"the prefix of {text[:60]!r} would mean nothing in the message that is written")
        return text

    return Simple(name, read.parse, format, named=True)


def _parse_boolean(text: str) -> bool:
    text = text.strip(BLANK)
    if text in ("true", "1"):
        return True
    if text in ("false", "0"):
        return False
    raise ValueError(f"{text[:60]!r} is no boolean")


def _format_boolean(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    raise ValueError(f"expected a boolean, not {type(value).__name__}")


def _parse_decimal(text: str) -> Decimal:
    if _DECIMAL.fullmatch(text) is None and _DECIMAL.fullmatch(text := text.strip(BLANK)) is None:
        raise ValueError(f"{text[:60]!r} is no decimal")
    return Decimal(text)


def exact(value: Any) -> Decimal:
    """The number as a finite Decimal; a float by its shortest notation. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"expected a number, not {type(value).__name__}")
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{number} is not finite")
    return number


def _format_decimal(value: Any) -> str:
    return f"{value if value.__class__ is Decimal and value.is_finite() else exact(value):f}"


def _parse_double(text: str) -> float:
    text = text.strip(BLANK)
    if _DOUBLE.fullmatch(text) is not None:
        return float(text)
    if text in _SPECIAL:
        return _SPECIAL[text]
    raise ValueError(f"{text[:60]!r} is no floating point number")


def _format_double(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"expected a number, not {type(value).__name__}")
    number = float(value)
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "INF" if number > 0 else "-INF"
    return repr(number)


def _integer(name: str, low: float, high: float) -> Simple:
    def check(number: int) -> int:
        if low <= number <= high:
            return number
        raise ValueError(f"{number} is outside the range of {name}")

    def parse(text: str) -> int:
        if not text.isascii() or "_" in text:
            raise ValueError(f"{text[:60]!r} is no {name}")
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"{text[:60]!r} is no {name}") from None
        return number if low <= number <= high else check(number)

    def format(value: Any) -> str:
        if value.__class__ is int:
            return str(check(value))
        number = exact(value)
        if number != number.to_integral_value():
            raise ValueError(f"{number} is no {name}")
        return str(check(int(number)))

    return Simple(name, parse, format, kind=int)


def _parse_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(words(text)), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{text[:60]!r} is not base64") from None


def _parse_hex(text: str) -> bytes:
    try:
        return binascii.unhexlify(text.strip(BLANK))
    except (binascii.Error, ValueError):
        raise ValueError(f"{text[:60]!r} is not hexadecimal") from None


def _octets(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ValueError(f"expected bytes, not {type(value).__name__}")
    return bytes(value)


def listed(name: str, item: Simple) -> Simple:
    """A blank-separated list of `item`."""

    def parse(text: str) -> list[Any]:
        return [item.parse(part) for part in words(text)]

    def format(value: Any) -> str:
        if not isinstance(value, list | tuple):
            raise ValueError(f"expected a list, not {type(value).__name__}")
        parts = [item.format(entry) for entry in value]
        if any(len(words(part)) != 1 for part in parts):
            raise ValueError("an item of a list must not be empty or contain blanks")
        return " ".join(parts)

    return Simple(name, parse, format, kind=list)


_ANY = float("inf")
_RANGES: dict[str, tuple[float, float]] = {
    "integer": (-_ANY, _ANY), "nonPositiveInteger": (-_ANY, 0), "negativeInteger": (-_ANY, -1),
    "nonNegativeInteger": (0, _ANY), "positiveInteger": (1, _ANY),
    "long": (-(1 << 63), (1 << 63) - 1), "int": (-(1 << 31), (1 << 31) - 1), "short": (-(1 << 15), (1 << 15) - 1),
    "byte": (-128, 127), "unsignedLong": (0, (1 << 64) - 1), "unsignedInt": (0, (1 << 32) - 1),
    "unsignedShort": (0, (1 << 16) - 1), "unsignedByte": (0, 255),
}  # fmt: skip

_PATTERNS = {
    "duration": _DURATION,
    "gYear": r"-?[0-9]{4,}" + ZONE,
    "gYearMonth": r"-?[0-9]{4,}-(?:0[1-9]|1[0-2])" + ZONE,
    "gMonth": r"--(?:0[1-9]|1[0-2])" + ZONE,
    "gMonthDay": r"--(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])" + ZONE,
    "gDay": r"---(?:0[1-9]|[12][0-9]|3[01])" + ZONE,
    "language": r"[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*",
    "Name": f":?{_NAME}",
    "NCName": r"[^\W\d][\w.\-·]*",
    "NMTOKEN": r"[\w.\-:·]+",
    "ID": r"[^\W\d][\w.\-·]*",
    "IDREF": r"[^\W\d][\w.\-·]*",
    "ENTITY": r"[^\W\d][\w.\-·]*",
}


def builtins() -> dict[str, Simple]:
    """Every built-in simple type by its local name."""
    types = [
        Simple("string", str, _text, "preserve"),
        Simple("anySimpleType", str, _text, "preserve"),
        Simple("normalizedString", replaced, lambda value: replaced(_text(value)), "replace"),
        Simple("token", collapsed, lambda value: collapsed(_text(value))),
        Simple("anyURI", collapsed, lambda value: collapsed(_text(value))),
        Simple("boolean", _parse_boolean, _format_boolean, kind=bool),
        Simple("decimal", _parse_decimal, _format_decimal, kind=Decimal),
        Simple("double", _parse_double, _format_double, kind=float),
        Simple("float", _parse_double, _format_double, kind=float),
        Simple("date", parse_date, format_date, kind=date),
        Simple("time", parse_time, format_time, kind=time),
        Simple("dateTime", parse_datetime, format_datetime, kind=datetime),
        Simple("base64Binary", _parse_base64, lambda value: base64.b64encode(_octets(value)).decode(), kind=bytes),
        Simple("hexBinary", _parse_hex, lambda value: _octets(value).hex().upper(), kind=bytes),
        *(_qualified(name) for name in ("QName", "NOTATION")),
        *(_integer(name, *bounds) for name, bounds in _RANGES.items()),
        *(_matching(name, pattern) for name, pattern in _PATTERNS.items()),
    ]
    known = {one.name: one for one in types}
    for name, item in (("NMTOKENS", "NMTOKEN"), ("IDREFS", "IDREF"), ("ENTITIES", "ENTITY")):
        known[name] = listed(name, known[item])
    return {name: replace(one, qname=(XSD, name)) for name, one in known.items()}
