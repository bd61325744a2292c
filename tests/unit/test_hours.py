"""Working hours, in the zone's own time."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from gateway.hours import Hours, is_open, opening

VIENNA = {"zone": "Europe/Vienna", "hours": "09:00-16:00", "days": ["mon", "tue", "wed", "thu", "fri"]}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-02T07:59", False),  # a Monday in winter, 08:59 there
        ("2026-03-02T08:00", True),
        ("2026-03-02T14:59", True),
        ("2026-03-02T15:00", False),
        ("2026-03-30T07:00", True),  # a Monday in summer
        ("2026-03-07T10:00", False),  # a Saturday
        ("2026-12-24T10:00", False),  # frozen, and so is what lies between
        ("2027-01-05T10:00", False),
        ("2027-01-07T10:00", True),
    ],
)
def test_it_is_open_in_local_hours_on_working_days(moment: str, expected: bool) -> None:
    hours = Hours.model_validate(VIENNA | {"freeze": ["2026-12-24..2027-01-06"]})
    assert is_open(hours, at(moment)) is expected


def test_the_next_opening_leaps_over_nights_weekends_and_frozen_days() -> None:
    hours = Hours.model_validate(VIENNA | {"freeze": ["2026-03-09"]})
    assert opening(hours, at("2026-03-06T12:00")) == at("2026-03-06T12:00")
    assert opening(hours, at("2026-03-06T16:00")) == at("2026-03-10T08:00")
    assert opening(hours, at("2026-03-27T16:00")) == at("2026-03-30T07:00"), "an hour earlier in summer"


def test_without_any_working_day_it_never_opens() -> None:
    never = Hours.model_validate({"freeze": ["2026-01-01..2036-01-01"]})
    assert opening(never, at("2026-03-06T12:00")) is None
    moment = at("2026-03-06T12:00") + timedelta(days=1)
    assert is_open(Hours(), moment), "by default it is always open"


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("zone", "Europe/Wien", "no time zone is called 'Europe/Wien'"),
        ("hours", "16:00-09:00", "HH:MM-HH:MM"),
        ("hours", "25:00-26:00", "HH:MM-HH:MM"),
        ("days", ["monday"], "'mon'"),
        ("freeze", ["24.12.2026"], "a day or a period"),
        ("freeze", ["2026-12-24..2026-12-01"], "a day or a period"),
    ],
)
def test_what_cannot_be_is_refused(setting: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Hours.model_validate({setting: value})
