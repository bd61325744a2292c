"""Conditions that somebody answers for, for a while: who, why and until when. Each ends by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, delete, insert, select

from gateway.store import audit
from gateway.store.engine import reading, writing
from gateway.store.replicas import clock
from gateway.store.tables import waiver as table


@dataclass(slots=True, frozen=True)
class Waiver:
    """One that has not run out."""

    route: str
    condition: str
    """Of the guard, as it names it, or a requirement of the plan (`plan.WAIVABLE`)."""
    who: str
    reason: str
    since: datetime
    until: datetime

    @property
    def told(self) -> str:
        """In a few words."""
        return f"waived by {self.who} until {self.until:%Y-%m-%d %H:%M} UTC: {self.reason}"


def waive(engine: Engine, route: str, condition: str, until: datetime, who: str, reason: str) -> None:
    """Waives the condition, in place of an earlier waiver of it; audited. Raises StoreDown."""
    row = {"route": route, "condition": condition, "who": who, "reason": reason, "until": until}
    with writing(engine) as connection:
        connection.execute(delete(table).where(_is(route, condition)))
        connection.execute(insert(table).values(row))
        details = {"until": until.isoformat(timespec="minutes")}
        audit.append(connection, audit.Event(who, "waive", route, "", condition, reason, details))


def end(engine: Engine, route: str, condition: str, who: str, reason: str) -> bool:
    """Ends a waiver before its time; False where there is none. Raises StoreDown."""
    with writing(engine) as connection:
        ended = delete(table).where(_is(route, condition), table.c.until > clock(connection))
        done = connection.execute(ended).rowcount == 1
        if done:
            audit.append(connection, audit.Event(who, "waive", route, condition, "", reason))
        return done


def waivers(engine: Engine, route: str | None = None) -> Sequence[Waiver]:
    """Those in force now, by the database's clock; of one route, or of all. Raises StoreDown."""
    chosen = select(table).order_by(table.c.route, table.c.condition)
    with reading(engine) as connection:
        chosen = chosen.where(table.c.until > clock(connection))
        rows = connection.execute(chosen if route is None else chosen.where(table.c.route == route))
        return [Waiver(*row) for row in rows]


def _is(route: str, condition: str) -> ColumnElement[bool]:
    return (table.c.route == route) & (table.c.condition == condition)
