"""Dates and times of XML Schema: text to value and back, by their lexical forms.

Python's types know neither the zone of a date nor fractions beyond microseconds. Where a text has one, its value is a
subclass that keeps it and writes it again; it compares as the plain value does. Everything here raises ValueError with
a message that says what was expected. Source: XML Schema Part 2, 3.2.7 to 3.2.9.
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


class ZonedDate(date):
    """A date with the zone that its text had. Equal to the same day in any zone."""

    zone: str = ""


class FineTime(time):
    """A time whose text has more digits than microseconds: `fraction` has them all."""

    fraction: str = ""


class FineDatetime(datetime):
    """A moment whose text has more digits than microseconds: `fraction` has them all."""

    fraction: str = ""


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
    if not zone:
        return date(int(year), int(month), int(day))
    _zone(zone)
    zoned = ZonedDate(int(year), int(month), int(day))
    zoned.zone = zone
    return zoned


def format_date(value: Any) -> str:
    """The text of a date."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError(f"expected a date, not {type(value).__name__}")
    return value.isoformat() + value.zone if isinstance(value, ZonedDate) else value.isoformat()


def _parse_clock(text: str) -> tuple[time, bool]:
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:60]!r} is no time")
    hour, minute, second, fraction, zone = match.groups()
    micros = int(fraction[:6].ljust(6, "0")) if fraction else 0
    midnight = (hour, minute, second, (fraction or "").strip("0")) == ("24", "00", "00", "")
    clock = (0 if midnight else int(hour), int(minute), int(second), micros, _zone(zone))
    if fraction is None or not fraction[6:].rstrip("0"):
        return time(*clock), midnight
    fine = FineTime(*clock)
    fine.fraction = fraction
    return fine, midnight


def parse_time(text: str) -> time:
    """The time, aware where a zone is given."""
    return _parse_clock(text.strip(BLANK))[0]


def format_time(value: Any) -> str:
    """The text of a time."""
    if not isinstance(value, time):
        raise ValueError(f"expected a time, not {type(value).__name__}")
    return _written(value.replace(tzinfo=None).isoformat(), value) + _zoned(value.utcoffset())


def _written(text: str, value: Any) -> str:
    """The text with the digits that the value was read with."""
    fraction = value.fraction if isinstance(value, FineTime | FineDatetime) else ""
    return f"{text.partition('.')[0]}.{fraction}" if fraction else text


def parse_datetime(text: str) -> datetime:
    """The moment, aware where a zone is given; 24:00:00 is the next day's beginning."""
    match = _DATETIME.fullmatch(text.strip(BLANK))
    if match is None:
        raise ValueError(f"{text[:60]!r} is no dateTime")
    clock, midnight = _parse_clock(match[2])
    moment = datetime.combine(date.fromisoformat(match[1]), clock)
    if isinstance(clock, FineTime) and not midnight:
        fine = FineDatetime.combine(moment.date(), clock)
        fine.fraction = clock.fraction
        return fine
    try:
        return moment + timedelta(days=1) if midnight else moment
    except OverflowError:
        raise ValueError(f"{text[:60]!r} is past the last day that can be represented") from None


def format_datetime(value: Any) -> str:
    """The text of a moment."""
    if not isinstance(value, datetime):
        raise ValueError(f"expected a date and time, not {type(value).__name__}")
    return _written(value.replace(tzinfo=None).isoformat(), value) + _zoned(value.utcoffset())
