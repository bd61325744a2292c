"""When the old batch has the table to itself, by the clock of its own time zone. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from adapters.database.coexisting import Batch


@dataclass(slots=True, frozen=True)
class Schedule:
    """The batch's window, and the moment by which failed rows are given back to it."""

    batch: Batch | None
    margin: float
    """Seconds before the window in which nothing more is claimed, so that a lease ends before it begins."""

    def closed(self, now: datetime) -> bool:
        """Whether nothing may be claimed."""
        return self.running(now) or self.running(now + timedelta(seconds=self.margin)) or self._released(now)

    def running(self, now: datetime) -> bool:
        """Whether the batch runs, so that nothing may be written either."""
        window = self.batch.window if self.batch else None
        if window is None:
            return False
        return _between(now.astimezone(ZoneInfo(window.timezone)).time(), window.start, window.end)

    def release(self, before: datetime, now: datetime) -> bool:
        """Whether rows are to be given back: the moment has come between these two, or it has and the window has not,
        since what was being worked on at that moment may fail later."""
        if self.batch is None or self.batch.release_before is None:
            return False
        if self._released(now) and not self.running(now):
            return True
        local, then = now.astimezone(self._zone()), before.astimezone(self._zone())
        moment = local.replace(hour=self.batch.release_before.hour, minute=self.batch.release_before.minute,
                               second=0, microsecond=0)  # fmt: skip
        return then < moment <= local

    def _released(self, now: datetime) -> bool:
        """From the giving back until the window ends; without a window nothing keeps new rows from being claimed."""
        if self.batch is None or self.batch.release_before is None or self.batch.window is None:
            return False
        return _between(now.astimezone(self._zone()).time(), self.batch.release_before, self.batch.window.end)

    def _zone(self) -> ZoneInfo:
        window = self.batch.window if self.batch else None
        return ZoneInfo(window.timezone) if window else ZoneInfo("UTC")


def _between(moment: time, start: time, end: time) -> bool:
    """Whether a time of day is in a span that may go over midnight; its end is not in it."""
    return start <= moment < end if start <= end else moment >= start or moment < end


def utc() -> datetime:
    """Now, aware."""
    return datetime.now(UTC)
