"""Legacy databases of the three kinds that can be had."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.database.legacy_tables import Legacy


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Legacy]:
    """A new legacy database, on each of the three."""
    kind = request.param
    url = f"sqlite:///{tmp_path / 'legacy.db'}" if kind == "sqlite" else request.getfixturevalue(kind)
    found = Legacy(url)
    if kind == "sqlite":
        with found.engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    yield found
    found.close()
