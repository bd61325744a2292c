"""The tables of the store. Every change here needs a migration; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)

from gateway.store.columns import Instant, Number, count

metadata = MetaData()

hold = Table(
    "hold",
    metadata,
    Column("id", Number, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("since", Instant, nullable=False, server_default=func.now()),
    Column("released_at", Instant),
    Column("released_by", Text),
    Column("released_reason", Text),
    Column("released_epoch", BigInteger),
    Index(
        "hold_open",
        "scope",
        "kind",
        unique=True,
        sqlite_where=text("released_at IS NULL"),
        postgresql_where=text("released_at IS NULL"),
    ),
)

replica = Table(
    "replica",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Instant, nullable=False, server_default=func.now()),
    Column("seen", Instant, nullable=False, server_default=func.now()),
    Column("version", Text, nullable=False),
    Column("state", Text, nullable=False),
    count("flushed"),
    Column("ended", Boolean, nullable=False, server_default=false()),
    Column("settled", Text, nullable=False, server_default="{}"),
)

epoch = Table(
    "epoch",
    metadata,
    Column("id", Number, primary_key=True),
    Column("route", Text, nullable=False),
    Column("started", Instant, nullable=False, server_default=func.now()),
    Column("model", Text, nullable=False),
    Column("rules", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("revision", Text),
    Column("ledger", Text),
    Index("epoch_route", "route", "id"),
)

record = Table(
    "record",
    metadata,
    Column("id", Number, primary_key=True),
    Column("route", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("received", Instant, nullable=False),
    Column("stage", Text, nullable=False),
    Column("answered_by", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("key", LargeBinary),
    Column("fields", Text, nullable=False),
    Column("incumbent", Text, nullable=False),
    Column("candidate", Text, nullable=False),
    Column("verdicts", Text, nullable=False),
    Column("incumbent_ms", Float),
    Column("candidate_ms", Float),
    Column("gateway_ms", Float),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("distances", Text, nullable=False, server_default="{}"),
    Column("cost", Float, nullable=False, server_default="0"),
    Column("segments", Text, nullable=False, server_default="[]"),
    Column("late", Boolean, nullable=False, server_default=false()),
    Column("lot", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("route", "call_id", "position", name="record_once"),
    Index("record_received", "received"),
    Index("record_sample", "route", "epoch", "lot"),
    Index(
        "record_disagrees",
        "route",
        "id",
        sqlite_where=text("verdict = 'disagree'"),
        postgresql_where=text("verdict = 'disagree'"),
    ),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("arrival", BigInteger, nullable=False),
    Column("first", Instant, nullable=False),
    Column("last", Instant, nullable=False),
    count("calls"),
    count("disagreed"),
    Column("cost", Float, nullable=False, server_default="0"),
    Column("parts", Text, nullable=False),
    Index("evidence_arrival", "epoch", "arrival"),
    Index("evidence_last", "last"),
)

arrivals = Table(
    "arrivals",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    count("count"),
)

guard = Table(
    "guard",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("memory", Text, nullable=False),
    count("arrival"),
    count("looks"),
    Column("said", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("looked", Instant, nullable=False, server_default=func.now()),
)

plan = Table(
    "plan",
    metadata,
    Column("route", Text, primary_key=True),
    Column("percents", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("percent", Text),
    Column("spent", Float, nullable=False, server_default="0"),
    Column("entered", Instant, nullable=False, server_default=func.now()),
    Column("looked", Instant, nullable=False, server_default=func.now()),
    Column("waits", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_reason", Text, nullable=False),
    count("version"),
)

waiver = Table(
    "waiver",
    metadata,
    Column("route", Text, primary_key=True),
    Column("condition", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False, server_default=func.now()),
    Column("until", Instant, nullable=False),
)

pending = Table(
    "pending",
    metadata,
    Column("route", Text, primary_key=True),
    Column("call_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("opened", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("request", Text, nullable=False),
    Column("candidate", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("locator", Text),
    Index("pending_expires", "state", "expires"),
    Index("pending_route", "route", "state"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("route", Text, primary_key=True),
    Column("replica", Text, primary_key=True),
    Column("term", Text, primary_key=True),
    count("count"),
)

rollup = Table(
    "rollup",
    metadata,
    Column("route", Text, primary_key=True),
    Column("minute", Instant, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("replica", Text, primary_key=True),
    count("calls"),
    count("answered_incumbent"),
    count("answered_candidate"),
    count("errors"),
    count("compared"),
    count("agreed"),
    count("late"),
    Column("cost", Float, nullable=False, server_default="0"),
    Column("words", Text, nullable=False, server_default="{}"),
    Column("fields", Text, nullable=False),
    Column("segments", Text, nullable=False, server_default="{}"),
    Column("latency", Text, nullable=False),
    Column("numbers", Text, nullable=False, server_default="{}"),
    Column("pairs", Text, nullable=False, server_default="{}"),
    Column("known", Text, nullable=False, server_default="{}"),
    Column("repeats", Text, nullable=False, server_default="{}"),
    Index("rollup_minute", "minute"),
)

secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("created", Instant, nullable=False, server_default=func.now()),
)

token = Table(
    "token",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("token", LargeBinary, primary_key=True),
    Column("expires", Instant, nullable=False),
    Index("token_expires", "expires"),
)

value = Table(
    "value",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("token", LargeBinary, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("persons", LargeBinary),
    Index("value_expires", "expires"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("adapter", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("letter", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("fate", Text, nullable=False),
    Column("changed", Instant, nullable=False, server_default=func.now()),
    Column("who", Text, nullable=False),
    Index("dead_letter_letter", "adapter", "letter"),
)
