"""What the tests' services promise."""

from pathlib import Path

import psycopg
import pytest

from tests.conftest import programs
from tests.services import Service

MISSING = Service("Nosuch", "nosuch", lambda: None)


def test_a_missing_service_skips_and_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Nosuch is missing"):
        programs(MISSING)


def test_a_missing_service_fails_where_ci_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Nosuch is missing"):
        programs(MISSING)


def test_a_service_that_is_there_is_found() -> None:
    assert programs(Service("Here", "here", lambda: Path("/"))) == Path("/")


def test_every_postgresql_database_is_new_and_empty(postgresql: str) -> None:
    with psycopg.connect(postgresql.replace("+psycopg", "")) as connection:
        tables = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
    assert tables == (0,)
