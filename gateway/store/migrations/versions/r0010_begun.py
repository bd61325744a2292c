"""What an epoch began with: the route's ledger at that moment, from which counters count."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Adds the column; epochs that have begun before count from the guard's first look, as they did."""
    op.add_column("epoch", sa.Column("ledger", sa.Text(), nullable=True))
