"""Bulk statements: many rows in one JSON parameter where the database can read that, else one statement many times."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Executable,
    FromClause,
    Result,
    String,
    and_,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal_column,
    select,
    text,
    true,
    tuple_,
    types,
    update,
)
from sqlalchemy import exists as present
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.sql.util import ClauseAdapter

from adapters.database.dialect import among, chunk, skipping
from adapters.database.values import jsonable

RECORDS = "understudy_records"
"""The parameter that carries a bulk statement's rows."""
Key = tuple[Any, ...]
Rows = Sequence[tuple[Key, Sequence[Any]]]
"""Each row's key, and its values."""
Keyed = Callable[[Sequence[Any]], Key]
RETURNING = ("postgresql", "sqlite")
"""Dialects whose UPDATE tells which rows it changed."""


def set_rows(
    connection: Connection, dialect: str, key: Sequence[Column[Any]], names: Sequence[str], rows: Rows,
    constants: Mapping[str, Any], conditions: Sequence[ColumnElement[bool]], keyed: Keyed,
) -> set[Key]:  # fmt: skip
    """Sets columns of many rows, each to its own value, and `constants` beside, where the conditions hold; returns
    the keys of those where they did. Rows that somebody else has locked are passed over: who waited for one of them
    would keep all others locked meanwhile. `keyed` makes keys of what the database gives."""
    table, here = key[0].table, set[Key]()
    if dialect not in RETURNING:
        here = _locked(connection, dialect, key, rows, conditions, keyed)
        rows = [row for row in rows if row[0] in here]
    if not rows:
        return set()
    kinds = [(f"k{at}", one.type) for at, one in enumerate(key)]
    kinds += [(f"v{at}", _carried(dialect, table.c[name].type)) for at, name in enumerate(names)]
    given, carried = _given(dialect, kinds, rows)
    if given is None:
        told = _each(connection, dialect, key, names, rows, constants, conditions)
    else:
        statement = _whole(dialect, key, names, given, constants, conditions)
        told = [connection.execute(statement, {RECORDS: carried})]
    return here or {keyed(row) for result in told for row in result}


def _whole(
    dialect: str, key: Sequence[Column[Any]], names: Sequence[str], given: FromClause, constants: Mapping[str, Any],
    conditions: Sequence[ColumnElement[bool]],
) -> Executable:  # fmt: skip
    """The statement that takes all rows from one JSON parameter."""
    table = key[0].table
    same = and_(*(one == given.c[f"k{at}"] for at, one in enumerate(key)))
    if dialect not in RETURNING:
        # Outer, so that it is the table which is looked up by key: who reads all of it waits for whatever is locked.
        joined = given.outerjoin(table, and_(same, *conditions))
        values = {table.c[name]: given.c[f"v{at}"] for at, name in enumerate(names)}
        return update(joined).values(values | {table.c[name]: value for name, value in constants.items()})
    if dialect == "postgresql":
        given = skipping(select(given).join(table, same).where(*conditions), table, dialect).cte("free")
        same = and_(*(one == given.c[f"k{at}"] for at, one in enumerate(key)))
    changed = {name: given.c[f"v{at}"] for at, name in enumerate(names)} | dict(constants)
    return update(table).where(same, *conditions).values(changed).returning(*key)


def _each(
    connection: Connection, dialect: str, key: Sequence[Column[Any]], names: Sequence[str], rows: Rows,
    constants: Mapping[str, Any], conditions: Sequence[ColumnElement[bool]],
) -> Sequence[Result[Any]]:  # fmt: skip
    """One statement many times; what it says where it says which rows it changed."""
    table = key[0].table
    same = and_(*(one == bindparam(f"k{at}") for at, one in enumerate(key)))
    bound = {name: bindparam(f"v{at}", type_=table.c[name].type) for at, name in enumerate(names)} | dict(constants)
    if dialect in RETURNING:
        free = unlocked(key, and_(same, *conditions), dialect)
        statement = update(table).where(same, *conditions, free).values(bound).returning(*key)
        return [connection.execute(statement, one) for one in map(_named, rows)]
    # Many at once cannot have a list of values among the conditions. These hold: the rows are locked since they were
    # looked at.
    changed = update(table).where(same, *(conditions if len(rows) == 1 else ())).values(bound)
    connection.execute(changed, [_named(row) for row in rows])
    return []


def unlocked(key: Sequence[Column[Any]], meant: ColumnElement[bool], dialect: str) -> ColumnElement[bool]:
    """Whether nobody else has locked a row, asked of the few that are meant; true where an UPDATE cannot ask that."""
    if dialect != "postgresql":
        return true()
    there = key[0].table.alias("there")
    chosen = select(*(there.c[one.name] for one in key)).where(ClauseAdapter(there).traverse(meant))
    return tuple_(*key).in_(skipping(chosen, there, dialect))


def add_rows(
    connection: Connection, dialect: str, key: Sequence[Column[Any]], names: Sequence[str], rows: Rows,
    constants: Mapping[str, Any], keyed: Keyed,
) -> set[Key]:  # fmt: skip
    """Inserts rows whose key the table lacks; returns the keys of those."""
    known: set[Key] = set()
    for part in _parts(rows, dialect, len(key)):
        there = select(*key).where(among(key, [one[0] for one in part], dialect))
        known |= {keyed(row) for row in connection.execute(there)}
    rows = [row for row in rows if row[0] not in known]
    if not rows:
        return set()
    table = key[0].table
    columns = [*(one.name for one in key), *names]
    kinds = [(f"k{at}", one.type) for at, one in enumerate(key)]
    kinds += [(f"v{at}", _carried(dialect, table.c[name].type)) for at, name in enumerate(names)]
    given, carried = _given(dialect, kinds, rows)
    if given is not None:
        same = and_(*(one == given.c[f"k{at}"] for at, one in enumerate(key)))
        more = [bindparam(None, value, type_=table.c[name].type) for name, value in constants.items()]
        chosen = select(*(given.c[name] for name, _ in kinds), *more).where(~present(select(*key).where(same)))
        connection.execute(insert(table).from_select([*columns, *constants], chosen), {RECORDS: carried})
    else:
        bound = {name: bindparam(kind[0], type_=kind[1]) for name, kind in zip(columns, kinds, strict=True)}
        connection.execute(insert(table).values(bound | dict(constants)), [_named(row) for row in rows])
    return {row[0] for row in rows}


def _locked(
    connection: Connection, dialect: str, key: Sequence[Column[Any]], rows: Rows,
    conditions: Sequence[ColumnElement[bool]], keyed: Keyed,
) -> set[Key]:  # fmt: skip
    """The keys for which the conditions hold and that nobody has locked; they are ours until they are written."""
    found: set[Key] = set()
    for part in _parts(rows, dialect, len(key)):
        chosen = select(*key).where(among(key, [one[0] for one in part], dialect), *conditions)
        found |= {keyed(row) for row in connection.execute(skipping(chosen, key[0].table, dialect))}
    return found


def _parts(rows: Rows, dialect: str, width: int) -> Sequence[Rows]:
    size = chunk(dialect, width)
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _given(dialect: str, kinds: "Names", rows: Rows) -> tuple[FromClause | None, str]:
    """The rows as a table and what it carries; None where JSON cannot."""
    if (given := bulk(dialect, kinds)) is None or len(rows) == 1:
        return None, ""
    try:
        return given, packed([(*key, *map(_counted, values)) for key, values in rows])
    except TypeError:
        return None, ""


def _carried(dialect: str, kind: types.TypeEngine[Any]) -> types.TypeEngine[Any]:
    """How a value travels: as text where JSON_TABLE would cut it to the column's type in silence. Assigning the text to
    the column then fails as it should."""
    return LONGTEXT() if dialect in ("mysql", "mariadb") else kind


def _counted(value: Any) -> Any:
    """A truth as the number that every database takes for it."""
    return int(value) if isinstance(value, bool) else value


def _named(row: tuple[Key, Sequence[Any]]) -> dict[str, Any]:
    key, values = row
    return {f"k{at}": value for at, value in enumerate(key)} | {f"v{at}": value for at, value in enumerate(values)}


Names = Sequence[tuple[str, types.TypeEngine[Any]]]


def bulk(dialect: str, columns: Names) -> FromClause | None:
    """The rows of one JSON parameter as a table with these columns; None where there is no such thing."""
    make = _MAKE.get(dialect)
    untyped = dialect != "sqlite" and any(isinstance(kind, types.NullType) for _, kind in columns)
    return None if make is None or untyped else make(columns)


def packed(rows: Sequence[Sequence[Any]]) -> str:
    """The rows as the JSON of `bulk`. Raises TypeError for a value that JSON cannot carry."""
    names = [f"c{at}" for at in range(len(rows[0]))] if rows else []
    named = [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in rows]
    return json.dumps(named, default=jsonable, check_circular=False)


def _postgresql(columns: Names) -> FromClause:
    parts = [column(f"c{at}", kind) for at, (_, kind) in enumerate(columns)]
    records = func.json_to_recordset(cast(bindparam(RECORDS, type_=String()), JSON)).table_valued(*parts)
    given = records.render_derived(name="given", with_types=True)
    return select(*(given.c[f"c{at}"].label(name) for at, (name, _) in enumerate(columns))).subquery("d")


def _sqlite(columns: Names) -> FromClause:
    each = func.json_each(bindparam(RECORDS, type_=String())).table_valued("value")
    parts = [
        func.json_extract(each.c.value, literal_column(f"'$.c{at}'")).label(name)
        for at, (name, _) in enumerate(columns)
    ]
    return select(*parts).subquery("d")


def _mariadb(columns: Names) -> FromClause:
    from sqlalchemy.dialects.mysql import dialect

    compiler = dialect().type_compiler_instance
    kinds = [compiler.process(_json_type(kind)) for _, kind in columns]
    parts = ", ".join(f"c{at} {kind} PATH '$.c{at}' ERROR ON ERROR" for at, kind in enumerate(kinds))
    quote = dialect().identifier_preparer.quote
    names = ", ".join(f"given.c{at} AS {quote(name)}" for at, (name, _) in enumerate(columns))
    spelled = text(f"SELECT {names} FROM JSON_TABLE(:{RECORDS}, '$[*]' COLUMNS ({parts})) AS given")  # noqa: S608  # quoted
    return spelled.columns(*(column(name, kind) for name, kind in columns)).subquery("d")


def _json_type(kind: types.TypeEngine[Any]) -> types.TypeEngine[Any]:
    """A type for JSON_TABLE: any text without a length, since it would be cut to that in silence."""
    if isinstance(kind, types.String | types.JSON):  # an Enum is a String
        return LONGTEXT(collation=getattr(kind, "collation", None))
    return kind


_MAKE: Mapping[str, Callable[[Names], FromClause]] = {
    "postgresql": _postgresql, "sqlite": _sqlite, "mariadb": _mariadb, "mysql": _mariadb,
}  # fmt: skip
