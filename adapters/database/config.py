"""The settings of a database adapter."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from adapters.database.coexisting import Batch, Zone
from adapters.formats.config import FormatSettings
from gateway.settings import Duration, Settings

Scalar = str | int | float | bool | None
_TABLE = re.compile(r"[^\s.]+(\.[^\s.]+){0,2}")


def _table(name: str) -> str:
    if not _TABLE.fullmatch(name) or len(name) > 200:
        raise ValueError("expected TABLE or SCHEMA.TABLE")
    return name


def _filter(value: Any) -> Any:
    if isinstance(value, list):
        return {"in": value}
    return value if isinstance(value, dict) else {"equals": value} if value is not None else {"missing": True}


TableName = Annotated[str, AfterValidator(_table)]


class Filter(Settings):
    """What a column's value must be; all that is given must hold. Values are bound, never pasted."""

    equals: Scalar = None
    is_in: list[Scalar] | None = Field(None, alias="in")
    without: list[Scalar] | None = Field(None, alias="not")
    above: Scalar = None
    below: Scalar = None
    missing: bool | None = None


class Status(Settings):
    """Work is found by a status column."""

    column: str
    new: list[str | int] = Field(min_length=1)
    """The values of rows that wait."""
    done: list[str | int] = []
    """The values of rows that are answered; the first is what we write. By default the answer procedure writes it."""
    error: str | int | None = None
    """What we write when a row cannot be answered."""
    claimed: str | int | None = None
    """What we write while we have a row, where the batch skips it by that."""


class Result(Settings):
    """Work is a row whose key the result table lacks."""

    table: TableName
    key: dict[str, str] = {}
    """Its column by our key's; by default of the same names."""


RECONCILE = 60.0
"""Seconds between two looks at everything, where nothing else is said."""


class Watermark(Settings):
    """Work is whatever is appended to a table that nobody changes."""

    column: str
    """Grows with the rows, nearly: an id, a time of insertion."""
    start: Literal["now", "beginning"] | int | str = Field("now", alias="from")
    """Where to begin."""
    overlap: Duration = 600.0
    """How long a transaction may stay open: rows that come late and out of order are found within it."""
    reconcile: Duration = 600.0
    """How often all rows since `from` are looked at, whatever the overlap was."""


class Find(Settings):
    """One way of finding work."""

    status: Status | None = None
    result: Result | None = None
    watermark: Watermark | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "Find":
        if sum(way is not None for way in (self.status, self.result, self.watermark)) != 1:
            raise ValueError("give exactly one of status, result and watermark")
        return self


class Into(Settings):
    """Where answers go; by default into columns of the row itself."""

    table: TableName | None = None
    """A result table: one row an answer."""
    key: dict[str, str] = {}
    """Its column by our key's; by default of the same names."""
    procedure: TableName | None = None
    """A stored procedure that takes the answer, called once a row."""
    arguments: list[str] = []
    """Its arguments in order: key columns and names of the source's `answer`."""
    constants: dict[str, Scalar] = {}
    """Columns that are written beside: a value."""

    @model_validator(mode="after")
    def _one_place(self) -> "Into":
        if self.table and self.procedure:
            raise ValueError("give one of table and procedure")
        if bool(self.arguments) != bool(self.procedure):
            raise ValueError("a procedure needs its `arguments`, and only a procedure has them")
        return self


class ClaimColumns(Settings):
    """Columns of the row that hold our claim."""

    token: str
    """Text of 32 characters at least."""
    until: str
    """A big integer: milliseconds since 1970 by the database's clock."""
    attempts: str
    """An integer."""


class Claim(Settings):
    """How a row is claimed: in a side table of ours, or in columns of the row."""

    table: TableName | None = None
    """The side table; by default `understudy_` and the table's name, beside it."""
    columns: ClaimColumns | None = None
    lock: Literal["auto", "skip_locked", "token"] = "auto"
    """With `columns`: how two pollers keep out of each other's way."""
    lease: Duration = 60.0
    """How long a claim is good for, by the database's clock; renewed while the model works."""
    attempts: int = Field(5, ge=1, le=1000)
    """How often a row that fails is tried."""

    @model_validator(mode="after")
    def _one_place(self) -> "Claim":
        if self.table and self.columns:
            raise ValueError("give one of table and columns")
        if self.lease < 1:
            raise ValueError("a lease needs 1s at least")
        return self


class Refused(Settings):
    """Columns that a business refusal is written to and read from."""

    code: str
    message: str | None = None


class Answered(Settings):
    """`read: answered`: rows are read once the batch has answered them."""

    column: str
    """Grows with the answers: a time, a number."""
    back: Duration | int = 86400.0
    """How far back to begin: a duration of a time, a distance of a number."""


class TableSettings(Settings):
    """One table or view whose rows are calls; an operation of the adapter."""

    table: TableName
    key: list[str] = []
    """Columns that identify a row; by default its primary key."""
    columns: list[str] = []
    """What is read; by default everything."""
    where: dict[str, Annotated[Filter, BeforeValidator(_filter)]] = {}
    """Which rows are ours."""
    order: list[str] = []
    """Columns in whose order rows are read, best one that grows; by default the key."""
    find: Find
    answer: Into = Into()
    refusal: Refused | None = None
    claim: Claim = Claim()
    batch: Batch | None = None
    """The old job; absent where nobody answers today."""
    read: Literal["waiting", "answered"] = "waiting"
    answered: Answered | None = None
    formats: dict[str, FormatSettings] = {}
    """Columns that hold a message: its format, as in docs/formats.md."""
    lists: dict[str, str] = {}
    """Columns that hold a list: what separates its items."""
    as_of: str | None = None
    """A column with the business time of a row, for `backfill`."""
    size: int = Field(100, ge=1, le=10_000)
    """Rows claimed at once."""

    @model_validator(mode="after")
    def _fits_the_batch(self) -> "TableSettings":
        status = self.find.status
        if self.batch and self.claim.columns:
            raise ValueError("beside a batch claims need the side table: what we have answered is remembered there")
        if self.batch and self.batch.coexists == "skips_status" and (status is None or status.claimed is None):
            raise ValueError("coexists: skips_status needs find.status.claimed, which the batch skips")
        if self.read == "answered" and (self.batch is None or self.answered is None):
            raise ValueError("read: answered needs `batch`, and `answered: {column: ...}` to read in the order of")
        if status is not None and not status.done and not self.answer.procedure:
            raise ValueError("find.status.done: name the status of a row that is answered")
        if self.find.result is not None and self.answer.table not in (None, self.find.result.table):
            raise ValueError("answer.table: rows found by a result table are answered into it")
        if self.find.watermark is not None and not (self.answer.table or self.answer.procedure):
            raise ValueError("find.watermark: name the answer's table or procedure; nobody changes such rows")
        return self


class Query(Settings):
    """A stored procedure or query that answers a route whose callers speak another protocol."""

    sql: str | None = None
    """One SELECT, or whatever returns one row, with `:name` for each value of the request."""
    procedure: TableName | None = None
    """A procedure that returns a row."""
    arguments: list[str] = []
    """Names of the request's values, in the procedure's order."""

    @model_validator(mode="after")
    def _one(self) -> "Query":
        if (self.sql is None) == (self.procedure is None):
            raise ValueError("give one of sql and procedure")
        return self


class Poll(Settings):
    """How often new rows are looked for: at once while there are some, then ever more seldom."""

    fastest: Duration = 0.001
    slowest: Duration = 0.25
    listen: str | None = None
    """PostgreSQL: the channel that a trigger notifies (`understudy init` prints it)."""
    reconcile: Duration = RECONCILE
    """How often all waiting rows are looked at again where some are left to the batch."""


class Budget(Settings):
    """What the legacy database may be asked for by one worker."""

    rows: int | None = Field(None, ge=1)
    """Rows a second, read by a table's poller."""
    statements: int = Field(4, ge=1, le=64)
    """Connections of an adapter at most, so statements at once."""


class DatabaseSettings(Settings):
    """One legacy database."""

    url: SecretStr
    """`postgresql://USER:PASSWORD@HOST/DB`, `mariadb://`, `mysql://`, `sqlite:///FILE`, `mssql://`, `oracle://`,
    `db2://`."""
    tables: dict[str, TableSettings] = {}
    queries: dict[str, Query] = {}
    timezone: Zone | None = None
    """Of the times that the database keeps without one."""
    timeout: Duration = 10.0
    """The deadline of a row that the candidate answers, and of a query."""
    connect_timeout: Duration = 5.0
    statement_timeout: Duration = 30.0
    lock_timeout: Duration = 2.0
    """How long we wait for anybody's lock, and how long a transaction of ours that hangs keeps its own: at least 1s."""
    poll: Poll = Poll()
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _together(self) -> "DatabaseSettings":
        if not self.tables and not self.queries:
            raise ValueError("name at least one of `tables` and `queries`")
        if both := self.tables.keys() & self.queries.keys():
            raise ValueError(f"{', '.join(sorted(both))}: a table and a query need names of their own")
        if len({table.batch is None for table in self.tables.values()}) > 1:
            raise ValueError("tables with a `batch` and tables without need adapters of their own")
        sides = [side_table(table) for table in self.tables.values() if not table.claim.columns]
        if twice := {side for side in sides if sides.count(side) > 1}:
            raise ValueError(f"claim.table: {', '.join(sorted(twice))} would be shared; name one for each")
        return self


def side_table(settings: TableSettings) -> str:
    """The name of a table's side table."""
    schema, dot, name = settings.table.rpartition(".")
    return settings.claim.table or f"{schema}{dot}understudy_{name}"
