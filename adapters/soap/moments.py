"""Dates and times of XML Schema: text to value and back, by their lexical forms.

Fractions of a second beyond microseconds are cut, and the zone of an xs:date is checked and dropped. Everything here
raises ValueError with a message that says what was expected. Source: XML Schema Part 2, 3.2.7 to 3.2.9.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any

BLANK = " \t\r\n"
"""XML's own white space."""

ZONE = r"(Z|[+-][0-9]{2}:[0-9]{2})?"
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})" + ZONE)
_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?" + ZONE)
_DATETIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?" + ZONE + ")")


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if minutes > 59 or hours * 60 + minutes > 14 * 60:
        raise ValueError(f"{text!r} is no time zone")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _zoned(offset: timedelta | None) -> str:
    if offset is None:
        return ""
    seconds = int(offset.total_seconds())
    if seconds % 60 or abs(seconds) > 14 * 3600:
        raise ValueError(f"{offset} is no time zone that XML Schema knows")
    if not seconds:
        return "Z"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"


def parse_date(text: str) -> date:
    """The date."""
    if len(text) == 10 and text[4] == text[7] == "-":
        return date.fromisoformat(text)
    match = _DATE.fullmatch(text.strip(BLANK))
    if match is None:
        raise ValueError(f"{text[:60]!r} is no date")
    year, month, day, zone = match.groups()
    if zone:
        _zone(zone)
    return date(int(year), int(month), int(day))


def format_date(value: Any) -> str:
    """The text of a date."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError(f"expected a date, not {type(value).__name__}")
    return value.isoformat()


def _parse_clock(text: str) -> tuple[time, bool]:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:60]!r} is no time")
    hour, minute, second, fraction, zone = match.groups()
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    midnight = (hour, minute, second, micros) == ("24", "00", "00", 0)
    return time(0 if midnight else int(hour), int(minute), int(second), micros, _zone(zone)), midnight


def parse_time(text: str) -> time:
    """The time, aware where a zone is given."""
    return _parse_clock(text.strip(BLANK))[0]


def format_time(value: Any) -> str:
    """The text of a time."""
    if not isinstance(value, time):
        raise ValueError(f"expected a time, not {type(value).__name__}")
    return value.replace(tzinfo=None).isoformat() + _zoned(value.utcoffset())


def parse_datetime(text: str) -> datetime:
    """The moment, aware where a zone is given; 24:00:00 is the next day's beginning."""
    match = _DATETIME.fullmatch(text.strip(BLANK))
    if match is None:
        raise ValueError(f"{text[:60]!r} is no dateTime")
    clock, midnight = _parse_clock(match[2])
    moment = datetime.combine(date.fromisoformat(match[1]), clock)
    try:
        return moment + timedelta(days=1) if midnight else moment
    except OverflowError:
        raise ValueError(f"{text[:60]!r} is past the last day that can be represented") from None


def format_datetime(value: Any) -> str:
    """The text of a moment."""
    if not isinstance(value, datetime):
        raise ValueError(f"expected a date and time, not {type(value).__name__}")
    return value.replace(tzinfo=None).isoformat() + _zoned(value.utcoffset())
