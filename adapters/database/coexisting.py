"""The settings of the old batch: how it and we keep out of each other's way."""

import re
from datetime import time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.settings import Duration, Settings


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("expected a time zone such as Europe/Berlin") from None
    return name


def _clock(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        return time.fromisoformat(value)
    raise ValueError('expected a time of day in quotes, such as "22:00"')


Zone = Annotated[str, AfterValidator(_zone)]
Clock = Annotated[time, BeforeValidator(_clock)]


class Window(Settings):
    """When the old batch runs, by the clock of `timezone`."""

    start: Clock = Field(alias="from")
    end: Clock = Field(alias="to")
    timezone: Zone = "UTC"


class Batch(Settings):
    """The old job that answers today, and how it and we keep out of each other's way; see docs/databases.md."""

    coexists: Literal["skips_status", "window", "view"]
    window: Window | None = None
    """We neither claim nor write in it."""
    release_before: Clock | None = None
    """By then what has failed is given back to the batch; by the clock of `window`, else UTC."""
    verify: Duration = 600.0
    """How often our answers are read again, to see whether the batch has written over them."""
    keep: Duration = 86400.0
    """How long our answers are remembered for that."""

    @model_validator(mode="after")
    def _has_its_window(self) -> "Batch":
        if self.coexists == "window" and self.window is None:
            raise ValueError("coexists: window needs a `window`")
        return self
