"""Values by token with a time to live."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Creates their table."""
    op.create_table(
        "value",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "token"),
    )
    op.create_index("value_expires", "value", ["expires"], unique=False)
