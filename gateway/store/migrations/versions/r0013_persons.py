"""Whose a value is that is kept: the HMACs of business keys, one after the other; NULL where that is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Adds the column."""
    op.add_column("value", sa.Column("persons", sa.LargeBinary()))
