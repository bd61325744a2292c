"""Every test here runs on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.store.engine import connect
from gateway.store.migrate import migrate
from gateway.store.model import Replica
from gateway.store.writer import Writer

NewWriter = Callable[[str], Writer]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of a store that is still empty."""
    return "sqlite:///store.db" if request.param == "sqlite" else str(request.getfixturevalue("postgresql"))


@pytest.fixture
def engine(url: str, tmp_path: Path) -> Iterator[Engine]:
    """A migrated store."""
    migrate(url, tmp_path)
    engine = connect(url, tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def new_writer(engine: Engine) -> NewWriter:
    """A writer for a replica of this name."""
    return lambda name: Writer(engine, Replica(name, "host", 1))


@pytest.fixture
def writer(new_writer: NewWriter) -> Writer:
    """The writer of replica a."""
    return new_writer("a")
