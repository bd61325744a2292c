"""Brings the store to the newest revision. The parent process alone calls this."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gateway.store.engine import connect, writing
from gateway.store.model import StoreDown, StoreTooNew

PATIENCE = 60.0
"""Seconds to wait for another parent that migrates, and for each statement."""


def migrate(url: str, folder: Path) -> None:
    """Creates or upgrades the store in one transaction, one process at a time over all hosts.

    Raises ConfigError, StoreDown, and StoreTooNew where a newer version was here before."""
    engine = connect(url, folder, create=True, patience=PATIENCE)
    try:
        if engine.dialect.name == "sqlite":
            _make_folder(Path(str(engine.url.database)).parent)
        with writing(engine, lock="understudy migrate") as connection:
            upgrade(connection)
    finally:
        engine.dispose()


def upgrade(connection: Connection) -> None:
    """Upgrades within the caller's transaction. Raises StoreTooNew."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    _refuse_unknown(ScriptDirectory.from_config(config), MigrationContext.configure(connection).get_current_heads())
    command.upgrade(config, "head")


def _refuse_unknown(scripts: ScriptDirectory, heads: tuple[str, ...]) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if unknown := sorted(set(heads) - known):
        raise StoreTooNew(
            f"the store is at revision {', '.join(unknown)}, which this version does not know: a newer one migrated "
            "it. Start that version, or restore the store's backup from before the upgrade"
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreDown(f"the store's folder {folder} cannot be made: {error.strerror}") from error
