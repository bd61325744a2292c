"""Who changed what, when, from what to what, and why: a chain in which each entry carries the hash of the one before.

An entry's hash is the SHA-256 of its number, its texts and the hash before it, as a JSON list. So an entry that was
changed, dropped or moved shows always. Whoever may write to the store could write the whole chain anew, or cut its
end off: that shows against a head (`NUMBER:HASH` of the latest entry) that was kept elsewhere, such as in the log.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, Row, insert, select, text

from gateway.store.engine import reading, writing
from gateway.store.replicas import clock
from gateway.store.tables import audit as table

LOCK = "understudy audit"
EMPTY = "0:" + "0" * 64
"""The head of a chain without entries."""
_STEP = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. Texts name no customer: of a key its HMAC is told."""

    who: str
    action: str
    """`stage`, `hold`, `resume`, `erase`, `export`, `configuration` ..."""
    scope: str
    """A route, or ALL."""
    before: str = ""
    after: str = ""
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place in the chain. `at` is by the database's clock."""

    number: int
    at: datetime
    event: Event
    hash: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at the whole chain found. Without problems it is whole, up to `head`."""

    entries: int
    head: str
    problems: Sequence[str]


def record(engine: Engine, event: Event) -> str:
    """Appends an event in a transaction of its own and returns the new head. Raises StoreDown."""
    with writing(engine) as connection:
        return append(connection, event)


def append(connection: Connection, event: Event) -> str:
    """Appends an event with the transaction that does what it tells of; returns the new head. Other appends wait
    until the commit, over all processes and hosts."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": LOCK})
    number, _, previous = _head(connection).partition(":")
    values = {
        "number": int(number) + 1,
        "at": clock(connection).isoformat(timespec="microseconds"),
        "who": event.who,
        "action": event.action,
        "scope": event.scope,
        "before": event.before,
        "after": event.after,
        "reason": event.reason,
        "details": json.dumps(dict(event.details), sort_keys=True),
        "previous": previous,
    }
    values = {name: _clean(value) if isinstance(value, str) else value for name, value in values.items()}
    digest = _hash(tuple(values.values()))
    connection.execute(insert(table).values(values | {"hash": digest}))
    return f"{values['number']}:{digest}"


def head(engine: Engine) -> str:
    """`NUMBER:HASH` of the latest entry; EMPTY where there is none. Raises StoreDown."""
    with reading(engine) as connection:
        return _head(connection)


def entries(engine: Engine, scope: str | None = None, limit: int = 100) -> Sequence[Entry]:
    """The latest entries, the newest first; of one scope, if given. Raises StoreDown."""
    chosen = select(table).order_by(table.c.number.desc()).limit(limit)
    with reading(engine) as connection:
        rows = connection.execute(chosen if scope is None else chosen.where(table.c.scope == scope))
        return [_entry(row) for row in rows]


def latest(engine: Engine, who: str, action: str) -> Entry | None:
    """The latest entry of this one who did this. Raises StoreDown."""
    chosen = select(table).where(table.c.who == who, table.c.action == action).order_by(table.c.number.desc())
    with reading(engine) as connection:
        row = connection.execute(chosen.limit(1)).first()
        return _entry(row) if row else None


def verify(engine: Engine, kept: str = "") -> Verified:
    """Looks at every entry, and whether the chain still contains `kept`, a head from elsewhere, as `NUMBER:HASH` or
    the hash alone. Raises StoreDown."""
    problems: list[str] = []
    number, previous, found = 0, EMPTY.partition(":")[2], kept in ("", EMPTY)
    with reading(engine) as connection:
        for row in _all(connection):
            if row.number != number + 1:
                problems.append(f"{_span(number + 1, row.number - 1)} missing")
            elif row.previous != previous:
                problems.append(f"entry {row.number} does not follow the entry before it")
            if _hash(tuple(row)[:-1]) != row.hash:
                problems.append(f"entry {row.number} was changed")
            number, previous = row.number, row.hash
            found = found or kept in (f"{number}:{row.hash}", row.hash)
    if not found:
        problems.append("the head kept elsewhere is not in the chain: its end was cut off, or all was written anew")
    return Verified(number, f"{number}:{previous}", problems)


def _head(connection: Connection) -> str:
    last = connection.execute(select(table.c.number, table.c.hash).order_by(table.c.number.desc()).limit(1)).first()
    return f"{last.number}:{last.hash}" if last else EMPTY


def _all(connection: Connection) -> Iterator[Row[tuple[object, ...]]]:
    last = 0
    chosen = select(table).order_by(table.c.number).limit(_STEP)
    while rows := connection.execute(chosen.where(table.c.number > last)).all():
        yield from rows
        last = rows[-1].number


def _hash(values: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _clean(value: str) -> str:
    """The text as both databases keep it: PostgreSQL takes no NUL, and neither takes half a surrogate pair."""
    return value.replace("\0", " ").encode("utf-8", "replace").decode()


def _span(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    details = json.loads(row.details)
    event = Event(row.who, row.action, row.scope, row.before, row.after, row.reason, details)
    return Entry(row.number, datetime.fromisoformat(row.at), event, row.hash)
