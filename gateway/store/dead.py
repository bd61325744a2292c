"""The ledger of dead letters: what was put aside and why, and what operators did with it. It outlives the broker.

It holds no content and no values: an adapter whose ids could name a person keeps no ledger.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, case, func, insert, select, update

from gateway.store import audit, upsert
from gateway.store.engine import reading, writing
from gateway.store.tables import dead_letter as table
from gateway.store.text import identity

PUT_BACK, ERASED = "put back", "erased"
_LOCK = "understudy dead letters"


def _token() -> bytes:
    return os.urandom(16)


@dataclass(slots=True, frozen=True)
class Burial:
    """A message that was put aside."""

    adapter: str
    operation: str
    letter: str
    """The dead letter's id. Messages that are the same in all have the same."""
    reason: str
    """A few words to count by."""
    since: datetime
    token: bytes = field(default_factory=_token)
    """Has it noted once, however often that is tried."""


@dataclass(slots=True, frozen=True)
class Sum:
    """What came of the messages of an operation that were put aside for one reason."""

    operation: str
    reason: str
    came: int
    put_back: int
    again: int
    """Of those that were put back, how many were put aside once more."""
    erased: int

    @property
    def left(self) -> int:
        """How many should still be there."""
        return self.came - self.put_back - self.erased


@dataclass(slots=True, frozen=True)
class PutBack:
    """What an operator did with one dead letter."""

    at: datetime
    who: str
    letter: str
    operation: str
    again: bool
    """Whether it was put aside once more."""


def note(engine: Engine, burials: Sequence[Burial]) -> None:
    """Notes these, each once. Raises StoreDown, and can then be called again."""
    with writing(engine) as connection:
        upsert.ignoring(connection, table, [_row(one) for one in burials], ("token",))


def found(engine: Engine, adapter: str, there: Sequence[Burial]) -> int:
    """Notes those of the dead letters seen there that the ledger does not know of; returns how many. Raises
    StoreDown."""
    with writing(engine, _LOCK) as connection:
        return len(_unknown(connection, adapter, there))


def put_back(
    engine: Engine, adapter: str, letters: Sequence[Burial], began: datetime, event: audit.Event
) -> str:  # fmt: skip
    """Notes that these were put back since `began`, with the audit's entry; returns its head. Raises StoreDown."""
    with writing(engine, _LOCK) as connection:
        _close(connection, adapter, letters, {"fate": PUT_BACK, "changed": began, "who": event.who})
        return audit.append(connection, event)


def erased(engine: Engine, adapter: str, letters: Sequence[Burial], began: datetime, who: str) -> None:
    """Notes that these were removed with a person, and forgets what they and their like were called: an id is made
    from the message. Raises StoreDown."""
    with writing(engine, _LOCK) as connection:
        _close(connection, adapter, letters, {"fate": ERASED, "changed": began, "who": who})
        named = table.c.letter.in_({identity(one.letter) for one in letters})
        connection.execute(update(table).where(table.c.adapter == adapter, named).values(letter=""))


def standing(engine: Engine, adapter: str) -> Counter[str]:
    """How many of each id should still be there. Raises StoreDown."""
    with reading(engine) as connection:
        return _standing(connection, adapter)


def sums(engine: Engine, adapter: str) -> Sequence[Sum]:
    """What the ledger has of an adapter, by operation and reason, the most frequent first. Raises StoreDown."""
    came = func.count()
    counts = [func.sum(case((condition, 1), else_=0)) for condition in (
        table.c.fate == PUT_BACK, (table.c.fate == PUT_BACK) & _again(), table.c.fate == ERASED)]  # fmt: skip
    chosen = select(table.c.operation, table.c.reason, came, *counts).where(table.c.adapter == adapter)
    grouped = chosen.group_by(table.c.operation, table.c.reason).order_by(came.desc(), table.c.operation)
    with reading(engine) as connection:
        return [Sum(*row[:2], *map(int, row[2:])) for row in connection.execute(grouped)]


def acts(engine: Engine, adapter: str, limit: int) -> Sequence[PutBack]:
    """What was put back, the latest first. Raises StoreDown."""
    columns = (table.c.changed, table.c.who, table.c.letter, table.c.operation, _again())
    mine = select(*columns).where(table.c.adapter == adapter, table.c.fate == PUT_BACK)
    with reading(engine) as connection:
        latest = mine.order_by(table.c.changed.desc(), table.c.since).limit(limit)
        return [PutBack(*row[:4], bool(row[4])) for row in connection.execute(latest)]


def _again() -> Any:
    later = table.alias()
    same = (later.c.adapter == table.c.adapter) & (later.c.letter == table.c.letter) & (later.c.letter != "")
    return select(later.c.token).where(same, later.c.token != table.c.token, later.c.since >= table.c.changed).exists()


def _standing(connection: Connection, adapter: str) -> Counter[str]:
    mine = select(table.c.letter, func.count()).where(table.c.adapter == adapter, table.c.fate == "")
    return Counter({row[0]: int(row[1]) for row in connection.execute(mine.group_by(table.c.letter))})


def _unknown(connection: Connection, adapter: str, there: Sequence[Burial]) -> Sequence[Burial]:
    """Notes those that are beyond what should be there, and returns them."""
    known, beyond = _standing(connection, adapter), []
    for one in there:
        known[identity(one.letter)] -= 1
        if known[identity(one.letter)] < 0:
            beyond.append(one)
    if beyond:
        connection.execute(insert(table), [_row(one) for one in beyond])
    return beyond


def _close(connection: Connection, adapter: str, letters: Sequence[Burial], fate: dict[str, Any]) -> None:
    """Says what became of these, of the same id the oldest first. What the ledger did not know is noted first."""
    _unknown(connection, adapter, letters)
    for name, count in Counter(identity(one.letter) for one in letters).items():
        mine = (table.c.adapter == adapter) & (table.c.letter == name) & (table.c.fate == "")
        oldest = select(table.c.token).where(mine).order_by(table.c.since).limit(count)
        connection.execute(update(table).where(table.c.token.in_(oldest)).values(**fate))


def _row(one: Burial) -> dict[str, Any]:
    return {
        "token": one.token, "adapter": one.adapter, "operation": one.operation, "letter": identity(one.letter),
        "reason": one.reason, "since": one.since, "fate": "", "who": "",
    }  # fmt: skip
