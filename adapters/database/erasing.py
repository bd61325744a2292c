"""One person's claims taken out of a side table, which has keys of rows: what stands in these tells whose they are."""

from collections.abc import Iterator, Sequence

from sqlalchemy import delete, select

from adapters.database.desk import Desk
from adapters.database.dialect import among
from adapters.database.engine import reading, writing
from adapters.database.find import beyond
from adapters.database.layout import Key
from adapters.database.rows import RowCodec, RowRaw
from adapters.database.side import SideTable
from gateway.capabilities import About, Erased
from gateway.contract import Undecodable

PAGE = 500


def erased(operation: str, desk: Desk, side: SideTable, codec: RowCodec, about: About) -> Erased:
    """Removes the claims of rows that are about one person only; a row that still waits keeps its own, or it would be
    claimed anew at once. Raises DatabaseDown."""
    removed = waits = unknown = 0
    for keys in _pages(desk, side):
        hers, strange = _told(operation, desk, codec, about, keys)
        open_ = _waiting(desk, hers)
        done = [key for key in hers if key not in open_]
        if done:
            with writing(desk.engine) as connection:
                connection.execute(delete(side.table).where(among(side.key, done, desk.layout.dialect)))
        removed, waits, unknown = removed + len(done), waits + len(open_), unknown + strange
    left = {
        "still wait for an answer, or are told from new ones by their claims; they keep them": waits,
        "with a claim are gone, are about others too, or cannot be read: whose they are is not known": unknown,
    }
    return Erased([f"{operation}: {removed} claims removed from {side.table.fullname}"],
                  [f"{operation}: {count} rows {what}" for what, count in left.items() if count])  # fmt: skip


def _pages(desk: Desk, side: SideTable) -> Iterator[Sequence[Key]]:
    """The keys of all claims."""
    after: Sequence[object] | None = None
    while True:
        chosen = select(*side.key).order_by(*side.key).limit(PAGE)
        if after is not None:
            chosen = chosen.where(beyond(side.key, tuple(after), desk.layout.dialect))
        with reading(desk.engine) as connection:
            rows = connection.execute(chosen).all()
        if not rows:
            return
        after = rows[-1]
        yield [desk.layout.keyed(row) for row in rows]


def _told(
    operation: str, desk: Desk, codec: RowCodec, about: About, keys: Sequence[Key]
) -> tuple[Sequence[Key], int]:  # fmt: skip
    """The rows that are the person's, and how many cannot be told to be hers alone or others'."""
    hers: list[Key] = []
    rows = desk.rows(keys)
    unknown = len(keys) - len(rows)
    for row in rows:
        try:
            some, records = about(operation, codec.request(RowRaw(row.row)))
        except Undecodable:
            unknown += 1
            continue
        if some and some == records:
            hers.append(row.key)
        elif some:
            unknown += 1
    return hers, unknown


def _waiting(desk: Desk, keys: Sequence[Key]) -> set[Key]:
    if not keys:
        return set()
    layout = desk.layout
    chosen = select(*layout.key).where(among(layout.key, keys, layout.dialect), *desk.finder.ours())
    with reading(desk.engine) as connection:
        return {layout.keyed(row) for row in connection.execute(chosen)}
