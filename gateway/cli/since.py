"""Since when, as commands are told it."""

import re
from datetime import UTC, datetime, timedelta

from gateway.contract import ConfigError
from gateway.settings import seconds


def since(text: str) -> datetime:
    """`7d` ago, or a day or moment in ISO form, in UTC where it names no zone. Raises ConfigError."""
    try:
        if re.fullmatch(r"[0-9.]+ ?[a-z]+", text):
            return datetime.now(UTC) - timedelta(seconds=seconds(text))
        moment = datetime.fromisoformat(text)
    except ValueError:
        expected = "expected how long ago, such as 7d or 12h, or a day such as 2026-01-31"
        raise ConfigError(f"--since {text!r}: {expected}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
