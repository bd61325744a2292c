"""Connections: where they lead, and what becomes of a store that goes away."""

import socket
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from gateway.contract import ConfigError
from gateway.store.batch import Batch
from gateway.store.caps import caps
from gateway.store.engine import connect, reading, writing
from gateway.store.holds import hold
from gateway.store.migrate import migrate
from gateway.store.model import Replica, StoreDown
from gateway.store.writer import Writer
from tests.integration.store.samples import batch, record


def test_a_relative_sqlite_path_starts_at_the_folder_of_the_configuration(tmp_path: Path) -> None:
    migrate("sqlite:///sub/my%20store #1.db", tmp_path)
    assert [path.name for path in (tmp_path / "sub").glob("*.db")] == ["my store #1.db"]


def test_sqlite_is_set_up_to_be_shared(tmp_path: Path) -> None:
    migrate("sqlite:///store.db", tmp_path)
    engine = connect("sqlite:///store.db", tmp_path)
    with reading(engine) as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 5000}


@pytest.mark.parametrize(
    "url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:", "not a url", "postgresql://u:secret@h:x/d"]
)
def test_an_unusable_address_is_a_configuration_error_that_tells_no_secret(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^store: ") as error:
        connect(url, tmp_path)
    assert "secret" not in str(error.value)


def test_a_store_that_was_never_made_is_down_and_is_not_made_by_the_way(tmp_path: Path) -> None:
    engine = connect("sqlite:///store.db", tmp_path)
    with pytest.raises(StoreDown):
        caps(engine)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_a_store_that_is_down(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody can answer here
        engine = connect(f"postgresql://u:secret@127.0.0.1:{taken.getsockname()[1]}/d", tmp_path)
        with pytest.raises(StoreDown) as error:
            caps(engine)
    assert "secret" not in str(error.value)


def test_a_store_without_tables_is_a_store_that_is_down(url: str, tmp_path: Path) -> None:
    (tmp_path / "store.db").touch()
    engine = connect(url, tmp_path)
    with pytest.raises(StoreDown):
        caps(engine)
    engine.dispose()


def test_a_sqlite_file_that_goes_away_is_down_until_it_is_back(tmp_path: Path) -> None:
    url, file, aside = "sqlite:///store.db", tmp_path / "store.db", tmp_path / "aside.db"
    migrate(url, tmp_path)
    engine = connect(url, tmp_path)
    writer = Writer(engine, Replica("a", "host", 1))
    writer.flush(Batch())
    file.rename(aside)
    kept = batch(record("1"))
    for _ in range(2):
        with pytest.raises(StoreDown):
            writer.flush(kept)
    assert not file.exists()
    aside.rename(file)
    assert writer.flush(kept) == set()
    engine.dispose()


def test_a_sqlite_file_that_was_replaced_is_the_new_one_from_then_on(tmp_path: Path) -> None:
    url = "sqlite:///store.db"
    migrate(url, tmp_path)
    engine = connect(url, tmp_path)
    hold(engine, "loans", "old", "ada")
    migrate("sqlite:///other.db", tmp_path)
    (tmp_path / "other.db").rename(tmp_path / "store.db")
    for rest in ("store.db-wal", "store.db-shm"):
        (tmp_path / rest).unlink(missing_ok=True)
    assert caps(engine).holds == {}
    assert hold(engine, "loans", "new", "ada")
    engine.dispose()


def test_a_server_that_drops_its_connections_is_reached_again(postgresql: str, tmp_path: Path) -> None:
    migrate(postgresql, tmp_path)
    engine = connect(postgresql, tmp_path)
    assert caps(engine).holds == {}
    with writing(other := connect(postgresql, tmp_path)) as connection:
        ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name AND pid != :me"
        me = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        names = {"name": make_url(postgresql).database, "me": me}
        assert connection.execute(text(ended), names).scalar() == 1
    assert caps(engine).holds == {}
    engine.dispose()
    other.dispose()


def test_a_connection_cut_in_the_middle_of_a_flush_writes_nothing(postgresql: str, tmp_path: Path) -> None:
    migrate(postgresql, tmp_path)
    engine = connect(postgresql, tmp_path)
    with pytest.raises(StoreDown), writing(engine) as connection:
        connection.execute(text("INSERT INTO secret (name, value) VALUES ('x', 'y')"))
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with reading(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM secret")).scalar() == 0
    engine.dispose()


def test_a_writer_waits_for_another_and_gives_up_as_a_store_that_is_down(tmp_path: Path) -> None:
    migrate("sqlite:///store.db", tmp_path)
    first, second = connect("sqlite:///store.db", tmp_path), connect("sqlite:///store.db", tmp_path, patience=0.05)
    with writing(first), pytest.raises(StoreDown, match="locked"):
        hold(second, "loans", "r", "ada")
    assert hold(second, "loans", "r", "ada")
    first.dispose()
    second.dispose()


def test_a_reader_is_not_kept_waiting_by_a_writer(engine: Engine) -> None:
    with writing(engine):
        assert caps(engine).holds == {}
