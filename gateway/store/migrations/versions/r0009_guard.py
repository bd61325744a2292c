"""What guards remember, and how far plans are."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Creates their tables."""
    op.create_table(
        "guard",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("looks", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("looked", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
    )
    op.create_table(
        "plan",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("percents", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Text(), nullable=True),
        sa.Column("spent", sa.Float(), server_default="0", nullable=False),
        sa.Column("entered", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("looked", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("waits", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_reason", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("route"),
    )
