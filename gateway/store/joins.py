"""Calls that wait in the store for an answer given elsewhere: opened once, closed once, whatever comes twice.

A closed call stays as a bare mark until retention removes it, so that a redelivered call does not open again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, update

from gateway.store import upsert
from gateway.store.model import COMPARED, COMPARED_LATE, ORPHAN, Close, Pending
from gateway.store.tables import pending
from gateway.store.text import dumps, identity, loads

OPEN, EXPIRED, CLOSED = "open", "expired", "closed"
_CHUNK = 500


def add(connection: Connection, opened: Sequence[Pending]) -> Iterator[str]:
    """Keeps the calls that are new and yields the route of each of those."""
    rows = {(call.route, identity(call.call_id)): call for call in reversed(opened)}
    values = [_values(call) for call in rows.values()]
    return (route for (route,) in upsert.ignoring(connection, pending, values, ("route",)))


def close(connection: Connection, closed: Sequence[Close]) -> Counter[tuple[str, str]]:
    """Closes the calls that still waited; returns what that adds to the ledger."""
    terms: Counter[tuple[str, str]] = Counter()
    wanted = {(call.route, identity(call.call_id)): call.term for call in reversed(closed)}
    rows = _waiting(connection, wanted)
    for row in rows:
        term, late = wanted[row.route, row.call_id], row.state == EXPIRED
        terms[row.route, COMPARED_LATE if late and term == COMPARED else term] += 1
        terms[row.route, ORPHAN] -= late
    _mark(connection, rows, state=CLOSED, request="null", candidate="null", locator=None)
    return terms


def find(connection: Connection, route: str, call_ids: Sequence[str]) -> Mapping[str, Pending]:
    """The calls that wait, by the id that was asked for."""
    asked = {identity(call_id): call_id for call_id in call_ids}
    rows = _all(connection, select(pending), ((route, call_id) for call_id in asked))
    return {asked[row.call_id]: _pending(row, asked[row.call_id]) for row in rows}


def closed(connection: Connection, route: str, call_ids: Sequence[str]) -> set[str]:
    """Those of the calls that have had their answer already."""
    asked = {identity(call_id): call_id for call_id in call_ids}
    found = set()
    for _, chunk in _chunks((route, call_id) for call_id in asked):
        mine = (pending.c.route == route) & pending.c.call_id.in_(chunk) & (pending.c.state == CLOSED)
        found |= {asked[call_id] for (call_id,) in connection.execute(select(pending.c.call_id).where(mine))}
    return found


def locators(connection: Connection, route: str, source: str, after: str, limit: int) -> Sequence[str]:
    """Locators of the calls of a source that wait, on time or late, in order behind one; those without are left out."""
    mine = (pending.c.route == route) & pending.c.state.in_((OPEN, EXPIRED)) & (pending.c.source == source)
    found = select(pending.c.locator).where(mine, pending.c.locator > after).order_by(pending.c.locator).limit(limit)
    return connection.execute(found).scalars().all()


def expire(connection: Connection, now: datetime, limit: int) -> Sequence[Pending]:
    """Marks at most `limit` calls whose window has ended and that nobody else is marking."""
    due = (pending.c.state == OPEN) & (pending.c.expires <= now)
    chosen = select(pending).where(due).order_by(pending.c.expires).limit(limit).with_for_update(skip_locked=True)
    rows = connection.execute(chosen).all()
    _mark(connection, rows, state=EXPIRED)
    return [replace(_pending(row, row.call_id), expired=True) for row in rows]


def read(row: Row[Any]) -> Pending:
    """The call of a row of the table."""
    return _pending(row, row.call_id)


def _waiting(connection: Connection, keys: Iterable[tuple[str, str]]) -> Sequence[Row[Any]]:
    few = select(pending.c.route, pending.c.call_id, pending.c.state)
    return _all(connection, few.with_for_update(), keys)


def _all(connection: Connection, statement: Select[Any], keys: Iterable[tuple[str, str]]) -> Sequence[Row[Any]]:
    rows: list[Row[Any]] = []
    for route, call_ids in _chunks(keys):
        mine = (pending.c.route == route) & pending.c.call_id.in_(call_ids) & pending.c.state.in_((OPEN, EXPIRED))
        rows.extend(connection.execute(statement.where(mine)))
    return rows


def _chunks(keys: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Sequence[str]]]:
    # A statement takes a limited number of parameters.
    routes: defaultdict[str, list[str]] = defaultdict(list)
    for route, call_id in keys:
        routes[route].append(call_id)
    for route, call_ids in routes.items():
        for start in range(0, len(call_ids), _CHUNK):
            yield route, call_ids[start : start + _CHUNK]


def _mark(connection: Connection, rows: Sequence[Row[Any]], **values: str | None) -> None:
    if rows:
        this = (pending.c.route == bindparam("of_route")) & (pending.c.call_id == bindparam("of_call"))
        keys = [{"of_route": row.route, "of_call": row.call_id} for row in rows]
        connection.execute(update(pending).where(this).values(**values), keys)


def _values(call: Pending) -> dict[str, Any]:
    return {
        "route": call.route,
        "call_id": identity(call.call_id),
        "source": call.source,
        "opened": call.opened,
        "expires": call.expires,
        "request": dumps(call.request),
        "candidate": dumps(call.candidate),
        "model": call.model,
        "version": call.version,
        "state": OPEN,
        "locator": call.locator or None,
    }


def _pending(row: Row[Any], call_id: str) -> Pending:
    return Pending(
        row.route,
        call_id,
        row.source,
        row.opened,
        row.expires,
        loads(row.request),
        loads(row.candidate),
        row.model,
        row.version,
        row.state == EXPIRED,
        row.locator or "",
    )
