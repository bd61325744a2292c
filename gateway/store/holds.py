"""Holds keep a route, or all of them, on the incumbent until somebody resumes. They are seen by every replica."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, Engine, func, select, update

from gateway.store import audit, upsert
from gateway.store.engine import reading, writing
from gateway.store.model import ALL
from gateway.store.plans import LOCK, step_back
from gateway.store.tables import epoch
from gateway.store.tables import hold as table

Kind = Literal["operator", "guard"]


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold that nobody has ended. `scope` is a route or ALL; `since` is by the database's clock."""

    scope: str
    kind: str
    reason: str
    who: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a resume did: how many holds it ended, and why the route is held all the same, if it is."""

    ended: int
    still: str | None


def hold(engine: Engine, scope: str, reason: str, who: str, kind: Kind = "operator") -> bool:
    """Holds the scope. A scope has at most one open hold of a kind: where there is one it stands with its first
    reason, and the answer is False. Raises StoreDown."""
    row = {"scope": scope, "kind": kind, "reason": reason, "who": who}
    with writing(engine, lock=LOCK) as connection:
        made = bool(upsert.ignoring(connection, table, [row], ("id",)))
        if made:
            audit.append(connection, audit.Event(who, "hold", scope, after=kind, reason=reason))
        return made


def resume(engine: Engine, scope: str, who: str, reason: str) -> Resumed:
    """Ends all open holds of exactly this scope: resuming a route leaves a hold on ALL in place, and says so;
    resuming ALL leaves the holds of single routes. Plans go on at the last step that was passed. Raises StoreDown."""
    mine = (table.c.scope == scope) & table.c.released_at.is_(None)
    # Evidence starts anew after a resume: the epochs so far are over.
    latest = select(func.coalesce(func.max(epoch.c.id), 0)).scalar_subquery()
    released = (
        update(table)
        .where(mine)
        .values(released_at=func.now(), released_by=who, released_reason=reason, released_epoch=latest)
    )
    with writing(engine, lock=LOCK) as connection:
        ended = connection.execute(released).rowcount
        if ended:
            step_back(connection, scope)
            audit.append(connection, audit.Event(who, "resume", scope, before=f"{ended} holds", reason=reason))
        return Resumed(ended, _reasons(_open(connection)).get(ALL))


def holds(engine: Engine) -> Sequence[Hold]:
    """All open holds, the oldest first. Raises StoreDown."""
    with reading(engine) as connection:
        return _open(connection)


def reasons(connection: Connection) -> Mapping[str, str]:
    """Why each held scope is held; a route is held by its own entry or by that of ALL."""
    return _reasons(_open(connection))


def _open(connection: Connection) -> Sequence[Hold]:
    columns = (table.c.scope, table.c.kind, table.c.reason, table.c.who, table.c.since)
    rows = connection.execute(select(*columns).where(table.c.released_at.is_(None)).order_by(table.c.id))
    return [Hold(*row) for row in rows]


def _reasons(opened: Sequence[Hold]) -> Mapping[str, str]:
    reasons: dict[str, str] = {}
    for one in opened:
        reasons[one.scope] = "; ".join(filter(None, (reasons.get(one.scope), one.reason)))
    return reasons
