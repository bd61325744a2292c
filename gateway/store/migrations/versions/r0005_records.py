"""Distances, costs, segments and a sample among the records; values among the sums; an epoch's revision of data."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds the columns; what was recorded before has none of this."""
    for column in (
        sa.Column("distances", sa.Text(), server_default="{}", nullable=False),
        sa.Column("cost", sa.Float(), server_default="0", nullable=False),
        sa.Column("segments", sa.Text(), server_default="[]", nullable=False),
        sa.Column("late", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("lot", sa.BigInteger(), server_default="0", nullable=False),
    ):
        op.add_column("record", column)
    op.drop_index("record_epoch", "record")
    op.create_index("record_sample", "record", ["route", "epoch", "lot"], unique=False)
    disagrees = sa.text("verdict = 'disagree'")
    op.create_index(
        "record_disagrees", "record", ["route", "id"], unique=False,
        sqlite_where=disagrees, postgresql_where=disagrees,
    )  # fmt: skip
    op.add_column("rollup", sa.Column("late", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("rollup", sa.Column("cost", sa.Float(), server_default="0", nullable=False))
    for name in ("words", "segments", "numbers", "pairs"):
        op.add_column("rollup", sa.Column(name, sa.Text(), server_default="{}", nullable=False))
    op.add_column("epoch", sa.Column("revision", sa.Text(), nullable=True))
