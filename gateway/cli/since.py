"""Since when and until when, as commands are told it."""

import re
from datetime import UTC, datetime, timedelta

from gateway.contract import ConfigError
from gateway.settings import seconds


def since(text: str) -> datetime:
    """`7d` ago, or a day or moment in ISO form, in UTC where it names no zone. Raises ConfigError."""
    if (moment := _moment(text, -1)) is None:
        expected = "expected how long ago, such as 7d or 12h, or a day such as 2026-01-31"
        raise ConfigError(f"--since {text!r}: {expected}")
    return moment


def until(text: str, most: timedelta) -> datetime:
    """`7d` from now, or a day or moment in ISO form, in UTC where it names no zone. Raises ConfigError, also where it
    lies in the past or further ahead than `most`."""
    moment, now = _moment(text, 1), datetime.now(UTC)
    if moment is None or not now < moment <= now + most:
        expected = f"expected how long from now, such as 7d or 12h, or a day to come, at most {most.days} days ahead"
        raise ConfigError(f"--until {text!r}: {expected}")
    return moment


def _moment(text: str, sign: int) -> datetime | None:
    try:
        if re.fullmatch(r"[0-9.]+ ?[a-z]+", text):
            return datetime.now(UTC) + sign * timedelta(seconds=seconds(text))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
