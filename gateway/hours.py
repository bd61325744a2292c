"""When a plan may move: working hours, working days and days that are frozen, in a named time zone. Pure."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator

from gateway.settings import Settings

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Sequence[Day] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FAR = 800
"""Days within which an opening is looked for."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone is called {name!r}; names are like Europe/Vienna and UTC") from None
    return name


def _span(value: Any) -> Any:
    found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", value) if isinstance(value, str) else None
    try:
        a, b, c, d = (int(part) for part in found.groups()) if found else (0, 0, 0, 0)
        begin, end = time(a, b), time(c, d)
    except ValueError:
        begin = end = time()
    if not begin < end:
        raise ValueError('expected "HH:MM-HH:MM", the beginning before the end, such as "09:00-16:00"')
    return begin, end


def _period(value: Any) -> Any:
    first, _, last = (str(value) if isinstance(value, str | date) else "").partition("..")
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        begin, end = date.max, date.min
    if begin > end:
        raise ValueError("expected a day or a period, such as 2026-12-24 or 2026-12-24..2027-01-06")
    return begin, end


Span = Annotated[tuple[time, time], BeforeValidator(_span)]
Period = Annotated[tuple[date, date], BeforeValidator(_period)]


class Hours(Settings):
    """When people are there: only then a plan goes up. Going back is possible at any time."""

    zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    hours: Span = (time.min, time.max)
    days: list[Day] = list(DAYS)
    freeze: list[Period] = []
    """Days and periods, both ends included, in which nothing goes up."""


def is_open(hours: Hours, moment: datetime) -> bool:
    """Whether a plan may go up at this moment (aware)."""
    local = moment.astimezone(ZoneInfo(hours.zone))
    begin, end = hours.hours
    return _works(hours, local.date()) and begin <= local.time() < end


def opening(hours: Hours, moment: datetime) -> datetime | None:
    """The first moment from this one on at which a plan may go up; None where there is none for two years."""
    if is_open(hours, moment):
        return moment
    zone = ZoneInfo(hours.zone)
    today = moment.astimezone(zone).date()
    for ahead in range(FAR):
        day = today + timedelta(days=ahead)
        begin = datetime.combine(day, hours.hours[0], zone).astimezone(moment.tzinfo)
        if _works(hours, day) and begin >= moment:
            return begin
    return None


def _works(hours: Hours, day: date) -> bool:
    return DAYS[day.weekday()] in hours.days and not _frozen(hours.freeze, day)


def _frozen(periods: Sequence[tuple[date, date]], day: date) -> bool:
    return any(begin <= day <= end for begin, end in periods)
