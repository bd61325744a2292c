"""`understudy waive`: somebody answers for a condition of a guard or a plan, for a while."""

from datetime import timedelta
from pathlib import Path

from gateway.cli import console
from gateway.cli.since import until as moment
from gateway.cli.standing import opened, route_of
from gateway.cli.who import who
from gateway.complaints import nearest
from gateway.config import Route
from gateway.contract import ConfigError
from gateway.guard import conditions
from gateway.plan import WAIVABLE
from gateway.store import waivers

MOST = timedelta(days=90)
"""How long a waiver stands at most: who still needs it then says so again."""


def waive(path: Path, route: str, condition: str, until: str | None, end: bool, reason: str) -> None:
    """Waives the condition, or ends its waiver, and says what that means. Raises ConfigError, StoreDown."""
    loaded, engine = opened(path)
    settings = route_of(loaded, route)
    if not reason.strip():
        raise ConfigError("--reason is empty; whoever reads the audit has to know who answers for what")
    if end:
        done = waivers.end(engine, route, condition, who(), reason)
        console.line(f"{route}: {condition} is waived no longer" if done else f"{route}: {condition} was not waived")
    elif until is None:
        raise ConfigError("say --until, when the waiver ends, such as 7d; or --end, to end one now")
    else:
        _known(settings, condition)
        ends = moment(until, MOST)
        waivers.waive(engine, route, condition, ends, who(), reason)
        console.line(f"{route}: {condition} is waived until {ends:%Y-%m-%d %H:%M} UTC; a hold that stands is not ended")
    engine.dispose()


def _known(route: Route, condition: str) -> None:
    names = [*(conditions(route.guard) if route.guard else ()), *(WAIVABLE if route.plan else ())]
    if condition not in names:
        there = ", ".join(names) or "none"
        raise ConfigError(f"no condition is called {condition!r}{nearest(condition, names)}; there are: {there}")
