"""What an adapter finds the answer of a waiting call by."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds the column; calls that wait already have none."""
    op.add_column("pending", sa.Column("locator", sa.Text()))
