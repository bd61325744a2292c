"""How far routes are on their plans. Every replica may move a plan; of two that want to, one does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, Engine, func, select, update

from gateway.plan import Position, back
from gateway.store import audit, upsert
from gateway.store.engine import reading, writing
from gateway.store.model import ALL
from gateway.store.tables import hold
from gateway.store.tables import plan as table

LOCK = "understudy holds"
"""Held by who holds, resumes or goes up a plan, so that nothing goes up past a hold."""


@dataclass(slots=True, frozen=True)
class Progress:
    """Where a route is. `version` rises with every write; `looked` is by the database's clock."""

    percents: str
    """Of all steps of the plan that it is about."""
    position: Position
    percent: Decimal | None
    version: int
    entered: datetime
    looked: datetime
    waits: str = ""
    """What the next step waits for."""
    approved_by: str = ""
    approved_reason: str = ""


def progress(engine: Engine) -> Mapping[str, Progress]:
    """By route. Raises StoreDown."""
    with reading(engine) as connection:
        rows = connection.execute(select(table)).all()
    return {
        row.route: Progress(
            row.percents, Position(row.step, row.spent, row.approved_by != ""),
            None if row.percent is None else Decimal(row.percent), row.version, row.entered, row.looked, row.waits,
            row.approved_by, row.approved_reason,
        )
        for row in rows
    }  # fmt: skip


def allowed(connection: Connection) -> Mapping[str, Decimal | None]:
    """By route with progress: the percentage that its plan allows; None where it is done."""
    rows = connection.execute(select(table.c.route, table.c.percent)).all()
    return {row.route: None if row.percent is None else Decimal(row.percent) for row in rows}


def begin(engine: Engine, route: str, percents: str) -> bool:
    """Puts a route at the beginning of its plan; False where it is on one already. Raises StoreDown."""
    row = {"route": route, "percents": percents, "step": -1, "percent": "0"}
    row |= dict.fromkeys(("waits", "approved_by", "approved_reason"), "")
    with writing(engine) as connection:
        return bool(upsert.ignoring(connection, table, [row], ("route",)))


def move(
    engine: Engine, route: str, was: Progress, percents: str, position: Position, percent: Decimal | None, waits: str
) -> bool:
    """Writes the position; False where somebody wrote since `was` was read, or where it goes up and a hold stands, and
    then nothing changes. Raises StoreDown."""
    values = {
        "percents": percents, "step": position.step, "spent": position.spent, "percent": _text(percent), "waits": waits,
        "version": was.version + 1, "looked": func.now(),
    }  # fmt: skip
    if (position.step, percents) != (was.position.step, was.percents):
        values |= {"entered": func.now(), "approved_by": "", "approved_reason": ""}
    mine = (table.c.route == route) & (table.c.version == was.version)
    held = select(hold.c.id).where(hold.c.scope.in_((route, ALL)), hold.c.released_at.is_(None))
    with writing(engine, lock=LOCK) as connection:
        if position.step > was.position.step and connection.execute(held).first():
            return False
        done = connection.execute(update(table).where(mine).values(values)).rowcount == 1
        if done and position.step != was.position.step:
            before, after = _said(was.percent), _said(percent)
            audit.append(connection, audit.Event("plan", "plan", route, before, after, "everything was there"))
        return done


def approve(engine: Engine, route: str, step: int, who: str, reason: str) -> bool:
    """Approves that this step is passed; False where the route is not on it any more. Raises StoreDown."""
    mine = (table.c.route == route) & (table.c.step == step)
    with writing(engine) as connection:
        values = {"approved_by": who, "approved_reason": reason, "version": table.c.version + 1}
        done = connection.execute(update(table).where(mine).values(values)).rowcount == 1
        if done:
            audit.append(connection, audit.Event(who, "approve", route, f"step {step + 1}", "", reason))
        return done


def step_back(connection: Connection, scope: str) -> None:
    """Puts a route, or all, back to the last step that was passed: a hold has ended."""
    mine = select(table).where(table.c.step >= 0)
    for row in connection.execute(mine if scope == ALL else mine.where(table.c.route == scope)).all():
        position, percents = back(Position(row.step)), row.percents.split()
        values = {
            "step": position.step, "spent": 0.0, "percent": percents[position.step], "entered": func.now(),
            "approved_by": "", "approved_reason": "", "version": row.version + 1,
        }  # fmt: skip
        connection.execute(update(table).where(table.c.route == row.route).values(values))


def _said(percent: Decimal | None) -> str:
    return "done" if percent is None else f"{percent:f} %"


def _text(percent: Decimal | None) -> str | None:
    return None if percent is None else f"{percent:f}"
