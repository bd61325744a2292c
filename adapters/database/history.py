"""Answered rows of long ago, for `understudy backfill`: in a fixed order, by conditions that are bound and checked."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, cast, func, literal, select, types

from adapters.database.calls import Calls
from adapters.database.desk import Desk
from adapters.database.engine import reading
from adapters.database.find import beyond
from adapters.database.layout import Missing
from adapters.database.work import Seen
from gateway.capabilities import Past
from gateway.contract import Call, ConfigError, Relayed

_CONDITION = re.compile(r"(?P<column>[^<>=!\s]+)\s*(?P<sign><=|>=|!=|=|<|>)\s*(?P<value>.*)", re.DOTALL)


class History:
    """The answered rows of one table."""

    def __init__(self, desk: Desk, calls: Calls) -> None:
        self._desk = desk
        self._layout = desk.layout
        self._calls = calls

    def count(self, where: Sequence[str]) -> int:
        """How many there are. Raises Missing, ConfigError, DatabaseDown."""
        with reading(self._desk.engine) as connection:
            chosen = select(func.count()).select_from(self._layout.source).where(*self._conditions(where))
            return int(connection.execute(chosen).scalar() or 0)

    def page(self, where: Sequence[str], after: str, limit: int) -> Sequence[Past]:
        """The next rows behind a place, each with its answer. Raises Missing, ConfigError, DatabaseDown."""
        with reading(self._desk.engine) as connection:
            rows = connection.execute(self._chosen(where, after, limit)).all()
        seen = [self._desk.seen(row) for row in rows]
        replies, _ = self._desk.replies([one.key for one in seen])
        return [
            Past(self._call(one), Relayed(replies[one.key]), orjson.dumps(one.place, str).decode())
            for one in seen if one.key in replies
        ]  # fmt: skip

    def _chosen(self, where: Sequence[str], after: str, limit: int) -> Select[Any]:
        layout, conditions = self._layout, self._conditions(where)
        if after:
            conditions.append(beyond(layout.order, tuple(orjson.loads(after)), layout.dialect))
        return select(*layout.columns).where(*conditions).order_by(*layout.order).limit(limit)

    def _conditions(self, where: Sequence[str]) -> list[ColumnElement[bool]]:
        layout, status = self._layout, self._desk.finder.status
        found = [*layout.filters, *map(self._condition, where)]
        if layout.result is not None:
            found.append(self._desk.finder.resulted())
        elif status:
            found.append(layout.source.c[status.column].in_(status.done))
        return found

    def _condition(self, text: str) -> ColumnElement[bool]:
        """`COLUMN=VALUE` and the like; the value is bound as a text, which the database takes as the column's type."""
        if not (match := _CONDITION.fullmatch(text.strip())):
            raise ConfigError(f"--where {text!r}: expected COLUMN=VALUE, or one of <, >, <=, >=, != between them")
        column, value = self._layout.source.c.get(match["column"]), match["value"].strip()
        if column is None:
            there = ", ".join(self._layout.source.c.keys())
            raise Missing(f"--where: {self._layout.source.fullname} has no column {match['column']!r}; it has: {there}")
        given: Any = literal(value)
        if not isinstance(column.type, types.NullType | types.String):
            given = cast(given, column.type)
        made: dict[str, ColumnElement[bool]] = {
            "=": column == given, "!=": column != given, "<": column < given, ">": column > given,
            "<=": column <= given, ">=": column >= given,
        }  # fmt: skip
        return made[match["sign"]]

    def _call(self, seen: Seen) -> Call:
        call = self._calls.call(seen)
        if self._layout.settings.as_of:
            call.received = _moment(seen.row.get(self._layout.settings.as_of)) or call.received
        return call


def _moment(value: Any) -> datetime | None:
    """A row's business time, aware; None where it has none that can be read."""
    try:
        value = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
