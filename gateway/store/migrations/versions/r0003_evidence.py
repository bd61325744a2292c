"""Evidence by business key, in the order in which the keys came."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates its tables. What was recorded before has none: it counts from the next epoch on."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "evidence",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.Column("first", instant, nullable=False),
        sa.Column("last", instant, nullable=False),
        sa.Column("calls", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disagreed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost", sa.Float(), server_default="0", nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", "key"),
    )
    op.create_index("evidence_arrival", "evidence", ["epoch", "arrival"], unique=False)
    op.create_index("evidence_last", "evidence", ["last"], unique=False)
    op.create_table(
        "arrivals",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
    )
