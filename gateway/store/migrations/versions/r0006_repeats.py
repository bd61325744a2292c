"""Known differences, and the incumbent against itself, among the sums."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Adds the columns; what was summed before has none of this."""
    for name in ("known", "repeats"):
        op.add_column("rollup", sa.Column(name, sa.Text(), server_default="{}", nullable=False))
