"""The first shape of the store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates all tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "epoch",
        sa.Column("id", number, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("started", instant, server_default=sa.func.now(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("epoch_route", "epoch", ["route", "id"], unique=False)
    op.create_table(
        "hold",
        sa.Column("id", number, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("since", instant, server_default=sa.func.now(), nullable=False),
        sa.Column("released_at", instant, nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("released_reason", sa.Text(), nullable=True),
        sa.Column("released_epoch", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "hold_open",
        "hold",
        ["scope", "kind"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "ledger",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("replica", sa.Text(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("route", "replica", "term"),
    )
    op.create_table(
        "pending",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("opened", instant, nullable=False),
        sa.Column("expires", instant, nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("route", "call_id"),
    )
    op.create_index("pending_expires", "pending", ["state", "expires"], unique=False)
    op.create_index("pending_route", "pending", ["route", "state"], unique=False)
    op.create_table(
        "record",
        sa.Column("id", number, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received", instant, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("incumbent", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.Column("incumbent_ms", sa.Float(), nullable=True),
        sa.Column("candidate_ms", sa.Float(), nullable=True),
        sa.Column("gateway_ms", sa.Float(), nullable=True),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("route", "call_id", "position", name="record_once"),
    )
    op.create_index("record_epoch", "record", ["route", "epoch"], unique=False)
    op.create_index("record_received", "record", ["received"], unique=False)
    op.create_table(
        "replica",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started", instant, server_default=sa.func.now(), nullable=False),
        sa.Column("seen", instant, server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("flushed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("ended", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("settled", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "rollup",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("minute", instant, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("replica", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("answered_incumbent", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("answered_candidate", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("errors", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("compared", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("agreed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("latency", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("route", "minute", "stage", "source", "epoch", "replica"),
    )
    op.create_index("rollup_minute", "rollup", ["minute"], unique=False)
    op.create_table(
        "secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("created", instant, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
