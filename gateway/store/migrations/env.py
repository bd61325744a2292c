"""Alembic runs this with the connection that `gateway.store.migrate` opened, inside its transaction."""

from alembic import context

from gateway.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
