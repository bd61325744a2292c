"""Strict conversions into the types of canonical fields. Each raises ValueError with a short sentence.

Decimals are exact and never pass through a float; NaN and infinity never pass at all.
"""

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from gateway.rules import FieldType

Step = Callable[[Any], Any]

_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_FINITE = frozenset({str, int, bool, date, datetime, time, type(None)})
_PLACES = range(-400, 301)  # of the first digit: what a double holds; written out, more would get costly
_BOOLEANS = dict.fromkeys(("true", "1", "y", "yes", "t", "j", "ja"), True) | dict.fromkeys(
    ("false", "0", "n", "no", "f", "nein"), False
)


def shown(value: Any) -> str:
    """A value as an error may show it: at most 40 characters, nothing of a structure's content."""
    if isinstance(value, dict | list | bytes):
        return {dict: "a group of fields", list: "a list", bytes: "binary data"}[type(value)]
    written = str(value)
    cut = written if len(written) <= 40 else written[:39] + "…"
    return "'" + "".join(sign if sign.isprintable() else "?" for sign in cut) + "'"


def number(value: Any) -> Decimal:
    """The exact number; a float by its shortest spelling."""
    if value.__class__ is Decimal:
        result = value
    elif isinstance(value, str) and _NUMBER.fullmatch(value):
        result = Decimal(value)
    elif isinstance(value, float):
        result = Decimal(float.__repr__(value))
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        result = Decimal(value)
    else:
        raise ValueError(f"{shown(value)} is not a number")
    if not result.is_finite() or result.adjusted() not in _PLACES:
        raise ValueError(f"{shown(value)} is not a finite number of sane size")
    return result


def text(value: Any) -> str:
    """The value written out: numbers plain, truth as true and false, dates in ISO form."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return format(number(value), "f") if isinstance(value, Decimal) else str(finite(value))
    if isinstance(value, date | time):
        return value.isoformat()
    raise ValueError(f"{shown(value)} is not a text")


def finite(value: Any) -> Any:
    """The value itself, a scalar or a list of them, unless it is or has NaN or infinity."""
    if value.__class__ in _FINITE or (value.__class__ is Decimal and value.is_finite()):
        return value
    if isinstance(value, dict):
        raise ValueError("is a group of fields; name one of them")
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise ValueError(f"{shown(value)} is not a finite number")
    return value


def scalar(value: Any) -> Any:
    """A JSON scalar: decimals as floats, dates and times in ISO form."""
    if isinstance(value, str | int):
        return value
    return text(value) if isinstance(value, date | time) else real(value)


def integer(value: Any) -> int:
    """A whole number."""
    if value.__class__ is int:
        return int(value)
    if isinstance(value, str):
        if _INTEGER.fullmatch(value):
            return int(value)
    elif isinstance(value, float | Decimal):
        whole = number(value)
        if whole == whole.to_integral_value():
            return int(whole)
    raise ValueError(f"{shown(value)} is not an integer")


def real(value: Any) -> float:
    """A finite float."""
    result = value if value.__class__ is float else float(number(value))
    if not math.isfinite(result):
        raise ValueError(f"{shown(value)} is not a finite number")
    return float(result)


def boolean(value: Any) -> bool:
    """Truth, also of the spellings true/false, 1/0, Y/N, T/F and J/N."""
    known = _BOOLEANS.get(text(value).lower())
    if known is None:
        raise ValueError(f"{shown(value)} is not a boolean")
    return known


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        if value.time() != time():
            raise ValueError("has a time of day")
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(text(value))


def _datetime(value: Any) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value if isinstance(value, datetime) else datetime.fromisoformat(text(value))


def _time(value: Any) -> time:
    return value if isinstance(value, time) else time.fromisoformat(text(value))


_CALENDAR: dict[str, tuple[Step, str]] = {
    "date": (_date, "a date (YYYY-MM-DD)"),
    "datetime": (_datetime, "a date and time (YYYY-MM-DDThh:mm:ss)"),
    "time": (_time, "a time (hh:mm:ss)"),
}
_PLAIN: dict[str, Step] = {"text": text, "integer": integer, "decimal": number, "float": real, "boolean": boolean}


def converter(type_: FieldType, format_: str | None = None) -> Step:
    """The conversion into a type; `format_` is how a date is spelled, ISO by default."""
    if type_ in _PLAIN:
        return _PLAIN[type_]
    plain, described = _CALENDAR[type_]

    def calendar(value: Any) -> Any:
        try:
            if format_ is None or isinstance(value, date | time):
                return plain(value)
            return plain(_part(datetime.strptime(text(value), format_), type_))
        except ValueError:
            raise ValueError(f"{shown(value)} is not {f'{type_} {format_}' if format_ else described}") from None

    return calendar


def _part(moment: datetime, type_: FieldType) -> date | time:
    return moment.date() if type_ == "date" else moment.timetz() if type_ == "time" else moment
