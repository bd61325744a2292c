"""Whether the store is there and of this version."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from gateway.store import migrations
from gateway.store.engine import reading


def condition(engine: Engine) -> tuple[bool, str]:
    """Whether it is migrated, and that as a sentence. Raises StoreDown where it does not answer."""
    path = Path(str(engine.url.database))
    if engine.dialect.name == "sqlite" and not path.exists():
        return False, f"{path} is not there yet; `understudy serve` makes it"
    with reading(engine) as connection:
        heads = set(MigrationContext.configure(connection).get_current_heads())
    if heads == set(_scripts().get_heads()):
        return True, "answers and is migrated"
    return False, "answers; `understudy serve` will migrate it"


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    return ScriptDirectory.from_config(config)
