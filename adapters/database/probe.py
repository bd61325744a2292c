"""What keeps a database's tables from being served, found out without changing anything."""

from collections.abc import Sequence

from sqlalchemy import Engine, literal_column, select

from adapters.database.config import DatabaseSettings, TableSettings
from adapters.database.desk import Desk
from adapters.database.engine import DatabaseDown, RowRefused, reading
from gateway.contract import ConfigError


def problems(name: str, settings: DatabaseSettings, engine: Engine) -> Sequence[str]:
    """A sentence for each problem; empty when all is well."""
    try:
        with reading(engine) as connection:
            connection.execute(select(literal_column("1")))
    except (DatabaseDown, RowRefused) as error:
        return [f"adapters.{name}.url: {error}"]
    found: list[str] = []
    for operation, table in settings.tables.items():
        try:
            found += _table(f"adapters.{name}.tables.{operation}", settings, table, engine)
        except ConfigError as error:
            found += error.problems
        except (DatabaseDown, RowRefused) as error:
            found.append(f"adapters.{name}.tables.{operation}: {error}")
    return found


def _table(where: str, settings: DatabaseSettings, table: TableSettings, engine: Engine) -> Sequence[str]:
    desk = Desk(where, table, engine, settings.timezone)
    desk.page(None, 1)
    if table.batch is not None and table.read == "answered":
        return []  # nothing is ever written
    desk.ready()
    desk.try_grants()
    return []
