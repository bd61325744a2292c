"""Migrations and tables agree, on both databases, and one parent at a time migrates."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from gateway.store.engine import reading, writing
from gateway.store.holds import hold
from gateway.store.migrate import migrate
from gateway.store.model import StoreDown, StoreTooNew
from gateway.store.tables import metadata


def test_migrations_make_exactly_the_tables_of_the_code(engine: Engine) -> None:
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_comparison_notices_a_table_that_is_missing(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("DROP TABLE secret"))
        assert compare_metadata(MigrationContext.configure(connection), metadata) != []


def test_migrating_again_changes_nothing(engine: Engine, url: str, tmp_path: Path) -> None:
    hold(engine, "loans", "r", "ada")
    migrate(url, tmp_path)
    assert not hold(engine, "loans", "r", "ada")


def test_a_store_of_a_newer_version_is_refused_and_left_alone(engine: Engine, url: str, tmp_path: Path) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreTooNew, match=r"revision 9999.*newer"):
        migrate(url, tmp_path)
    assert "record" in inspect(engine).get_table_names()


def test_parents_that_start_at_once_migrate_one_after_the_other(url: str, tmp_path: Path) -> None:
    script = "import sys, pathlib, gateway.store.migrate as m; m.migrate(sys.argv[1], pathlib.Path(sys.argv[2]))"
    command = [sys.executable, "-c", script, url, str(tmp_path)]
    root = Path(__file__).parents[3]
    parents = [subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE) for _ in range(3)]
    errors = [parent.communicate(timeout=60)[1] for parent in parents]
    assert ([parent.returncode for parent in parents], errors) == ([0, 0, 0], [b"", b"", b""])


def test_a_folder_that_cannot_be_made_is_a_store_that_is_down(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreDown, match="folder"):
        migrate("sqlite:///file/sub/store.db", tmp_path)
