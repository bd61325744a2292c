"""Databases that cannot be had here. The adapter works as it would on them, with SQLite below: every statement that it
makes is compiled by their dialect, and then run with their words for clock and locks taken back."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import pytest
from sqlalchemy import URL, Connection, Dialect, Engine, event, text, update
from sqlalchemy.sql.compiler import SQLCompiler

import adapters.database
from adapters.database import ddl
from adapters.database.calls import Calls
from adapters.database.config import DatabaseSettings
from adapters.database.desk import Desk
from adapters.database.dialect import _NOW, DB2_LOCK, LOCKS
from adapters.database.endings import Endings
from adapters.database.engine import DRIVERS, connect, writing
from adapters.database.hindsight import Hindsight
from adapters.database.history import History
from adapters.database.outgoing import Estate
from adapters.database.probe import problems
from adapters.database.row_columns import RowColumns
from adapters.database.rows import RowCodec
from adapters.database.work import Ended
from tests.integration.database.configured import STATUS, settings
from tests.integration.database.legacy_tables import Legacy, loans

FOREIGN = ("mssql", "oracle", "db2")
HOME = Path(adapters.database.__file__).parent
CLAIMED = {"status": {**STATUS["status"], "claimed": "MODEL"}}
RESULT: dict[str, Any] = {"answer": {"table": "verdicts", "key": {"id": "loan"}}, "refusal": None}
COLUMNS = {"token": "us_token", "until": "us_until", "attempts": "us_attempts"}
ELSEWHERE = {
    "connection.execute(sql.SQL('LISTEN {}').format(sql.Identifier(channel)))": "PostgreSQL's",
    "connection.execute(text('SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM"
    " pg_current_snapshot() AS s'))": "PostgreSQL's",
    "connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))": "PostgreSQL's",
    "connection.execute(_BY_KEY)": "PostgreSQL's",
    "connection.execute(statement, one)": "where UPDATE tells what it changed",
    "connection.execute(statement, {RECORDS: carried})": "where JSON carries rows",
    "connection.execute(insert(table).from_select([*columns, *constants], chosen), {RECORDS: carried})": "the same",
    "connection.execute(statement, {RECORDS: packed(keys)})": "the same",
    "connection.execute(statement, {RECORDS: packed(new)})": "the same",
    "connection.execute(self._singles[names], given)": "where UPDATE passes over locks",
    "connection.execute(statement, given)": "the operator's own query",
    "connection.execute(statement, {f'a{at}': value for at, value in enumerate(given)})": "a procedure",
}
"""Statements that the adapter does not make on these databases, and why."""


BETTER = {("oracle", "connection.execute(update(token.table).where(mine).values({token: token}))")}
"""It locks rows by a clause."""
WRONG = {
    "mssql": re.compile(r"\) IN \(\(|FOR UPDATE|LIMIT"),
    "oracle": re.compile(r"\) IN \(\(|LIMIT|FETCH FIRST .* FOR UPDATE|FOR UPDATE (?!SKIP LOCKED$)"),
    "db2": re.compile(r"\) IN \(\(|SELECT \?|FOR UPDATE (?!WITH RS USE AND KEEP UPDATE LOCKS SKIP LOCKED DATA$)"),
}
"""What the database does not take."""
STYLES: dict[str, Literal["pyformat", "named", "qmark"]] = {"mssql": "pyformat", "oracle": "named", "db2": "qmark"}
"""As their drivers want parameters."""
NAME = re.compile(r"[A-Za-z]\w{0,29}")


def foreign_dialect(name: str) -> Dialect:
    """What compiles the statements of a database, without its driver."""
    kind: Any = URL.create(DRIVERS[name][0]).get_dialect()
    made: Dialect = kind(paramstyle=STYLES[name])
    return made


def selects_a_truth(statement: str) -> bool:
    """Whether it has a comparison among its columns; there is no type for that."""
    columns = (re.sub(r"CASE WHEN .*? END", "", one) for one in re.findall(r"SELECT (.*?) FROM ", statement))
    return any(re.search(r" [<>=] ", one) for one in columns)


class Abroad:
    """Looks on while the adapter works: compiles what it is about to execute, and where in the code."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name = name
        self.dialect = foreign_dialect(name)
        self.texts: dict[tuple[str, int], set[str]] = defaultdict(set)
        """Compiled statements by module and line."""
        event.listen(engine, "before_execute", self._compile)
        event.listen(engine, "before_cursor_execute", self._translate, retval=True)

    def _compile(self, _: Connection, statement: Any, many: Any, one: Any, __: Any) -> None:
        compiled = statement.compile(dialect=self.dialect)
        spelled = str(compiled)
        if isinstance(compiled, SQLCompiler):
            state = compiled.construct_expanded_state(many[0] if many else one)
            spelled = state.statement
            assert [name for name in state.parameters if not NAME.fullmatch(name)] == [], spelled
        self.texts[_place(sys._getframe())].add(" ".join(spelled.split()))

    def _translate(
        self, _: Connection, __: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        return statement.replace(_NOW[self.name], _NOW["sqlite"]).replace(DB2_LOCK, ""), parameters


def _place(frame: FrameType | None) -> tuple[str, int]:
    """Where the adapter is."""
    while frame is not None and not Path(frame.f_code.co_filename).is_relative_to(HOME):
        frame = frame.f_back
    assert frame is not None, "a statement that is not the adapter's"
    return Path(frame.f_code.co_filename).name, frame.f_lineno


def sites() -> Iterator[tuple[str, int, int, str]]:
    """Every call that executes a statement: module, first and last line, and how it is written."""
    for path in sorted(HOME.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "connection.execute":
                yield path.name, node.lineno, node.end_lineno or node.lineno, ast.unparse(node)


@pytest.fixture(params=FOREIGN)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database that the adapter takes itself to be on."""
    monkeypatch.setattr("adapters.database.layout.name_of", lambda _: request.param)
    return str(request.param)


class Bank:
    """A legacy database with rows that wait, and the adapter's connections to it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.legacy = Legacy(f"sqlite:///{folder / 'legacy.db'}")
        with self.legacy.engine.begin() as connection:
            for column in ("us_token VARCHAR(32)", "us_until BIGINT", "us_attempts INTEGER"):
                connection.execute(text(f"ALTER TABLE loans ADD COLUMN {column}"))
        self.legacy.apply(range(1, 41), amount=10)
        self.engine = connect("bank", settings(self.legacy), Path())
        self.abroad = Abroad(name, self.engine)

    def desk(self, claims: bool = True, **table: Any) -> Desk:
        """A desk over the rows, with a side table of its own."""
        configured = self.settings(**table)
        desk = Desk("here", configured.tables["Score"], self.engine, None)
        if claims and "claim" not in table:
            with self.legacy.engine.begin() as connection:
                connection.execute(text("DROP TABLE IF EXISTS understudy_loans"))
                for statement in ddl.side(desk.layout, self.legacy.engine.dialect, ""):
                    connection.exec_driver_sql(statement)
        elif claims:
            desk._claims = RowColumns(desk.layout, self.abroad.dialect)
        return desk

    def settings(self, **table: Any) -> DatabaseSettings:
        """The adapter's settings."""
        return settings(self.legacy, **{"key": ["branch", "id"], **table})

    def let_leases_end(self) -> None:
        """Puts every lease into the past."""
        with self.legacy.engine.begin() as connection:
            connection.execute(text("UPDATE understudy_loans SET us_lease = 1"))

    def close(self) -> None:
        """Lets go of all connections."""
        self.engine.dispose()
        self.legacy.close()


@pytest.fixture
def bank(tmp_path: Path, name: str) -> Iterator[Bank]:
    """Rows that wait."""
    bank = Bank(tmp_path, name)
    yield bank
    bank.close()


def answer(bank: Bank, desk: Desk, limit: int) -> None:
    """Claims rows and ends them in every way there is."""
    taken = desk.claim(limit)
    assert len(taken.rows) == limit
    desk.renew(taken.token)
    keys = [row.key for row in taken.rows]
    answers = {key: {"decision": "A", "score": 1} for key in keys[3:]}
    ended = Ended(answers, {keys[0]: "bad"}, {keys[1]: "later"}, [keys[2]])
    Endings(desk).answer(taken, ended)
    again = desk.claim(4)
    with bank.legacy.engine.begin() as somebody:
        somebody.execute(text("UPDATE loans SET state = 'GONE' WHERE id = :id"), {"id": again.rows[0].key[-1]})
    Endings(desk).answer(again, Ended({row.key: {"decision": "A", "score": 1} for row in again.rows}))


def alone(bank: Bank) -> None:
    """Nobody else answers: looked for, claimed, answered, taken over, given up, tried again, erased, left."""
    desk = bank.desk()
    assert problems("bank", bank.settings(), bank.engine) == []
    rows = desk.page(None, 3)
    assert len(desk.page(rows[-1].place, 3)) == 3 and len(desk.rows([row.key for row in rows])) == 3
    [row] = desk.peek(1)
    with writing(bank.engine) as connection:
        assert desk.place.write_free(connection, row.key, {"decision": "A", "score": 1}, desk.ready().untouched())
    answer(bank, desk, 8)
    late = desk.claim(4)
    with writing(bank.engine) as connection:  # as if somebody had them locked, which SQLite knows nothing of
        desk.ready().postpone(connection, late.token, [late.rows[0].key], 60)
    bank.let_leases_end()
    assert sorted(row.attempts for row in desk.claim_these([row.key for row in late.rows]).rows) == [1, 2, 2, 2]
    assert Endings(desk).answer(late, Ended({row.key: {"decision": "A"} for row in late.rows})) == (0, [])
    history = History(desk, Calls("bank", "Score", RowCodec({}, {}, None), 1))
    [first, *_] = history.page(["amount>=1"], "", 5)
    assert history.page([], first.place, 5) and history.count(["branch!=B1"])
    estate = Estate("Score", "here", bank.settings().tables["Score"], bank.engine, None)
    assert estate.dead(5)[0] == 1 and len(estate.resubmit(None)) == 1
    bank.let_leases_end()
    assert "dropped" in estate.leave(0)


def beside_a_batch(bank: Bank) -> None:
    """Marked by the status, read again, given back."""
    desk = bank.desk(find=CLAIMED, batch={"coexists": "skips_status", "verify": "1s"})
    answer(bank, desk, 8)
    bank.let_leases_end()
    with bank.legacy.engine.begin() as connection:
        connection.execute(update(loans).where(loans.c.decision == "A", loans.c.id % 2 == 0).values(decision="R"))
    assert "overwritten" in Endings(desk).review()
    assert Endings(desk).give_back() == 1
    bank.legacy.batch()
    hers = Estate("Score", "here", desk.layout.settings, bank.engine, None)
    assert "0 claims" not in hers.erase(RowCodec({}, {}, None), lambda _, __: (1, 1)).removed[0]
    assert desk.replies([row.key for row in desk.page(None, 5)] or [("B1", 1)])


def in_columns(bank: Bank) -> None:
    """Claims in the row."""
    for lock in ("auto", "token"):
        desk = bank.desk(claim={"columns": COLUMNS, "lock": lock}, find=CLAIMED)
        answer(bank, desk, 8)
        desk.try_grants()
    Estate("Score", "here", desk.layout.settings, bank.engine, None).leave(0)


def in_a_result_table(bank: Bank) -> None:
    """Found by what the result table lacks, by a watermark, and after the fact."""
    answer(bank, bank.desk(key=["id"], find={"result": {"table": "verdicts", "key": {"id": "loan"}}}, refusal=None), 8)
    for start in ("now", "beginning"):
        mark = bank.desk(key=["id"], find={"watermark": {"column": "id", "from": start}}, **RESULT)
        mark.page(None, 5), mark.peek(5)
        mark.try_grants()
    answer(bank, mark, 8)
    table: dict[str, Any] = {"read": "answered", "answered": {"column": "score"}, "batch": {"coexists": "view"}}
    desk = bank.desk(key=["id"], **RESULT, **table)
    hindsight = Hindsight(desk, Calls("bank", "Score", RowCodec({}, {}, None), 1), 0.0)
    rows = [row for _ in range(3) for row in hindsight.page(2)]
    assert desk.replies([row.key for row in rows])[0]


def test_every_statement_is_one_that_the_database_can_be_given(bank: Bank, name: str) -> None:
    """And none is left out: what the code executes is looked up in the code."""
    alone(bank)
    bank.legacy.apply(range(101, 141), amount=10)
    beside_a_batch(bank)
    bank.legacy.apply(range(201, 241), amount=10)
    in_columns(bank)
    in_a_result_table(bank)
    compiled = bank.abroad.texts
    print(f"{sum(map(len, compiled.values()))} statements from {len(compiled)} places")
    left_out = [
        f"{module}:{first}: {written}" for module, first, last, written in sites()
        if not any(where == module and first <= line <= last for where, line in compiled)
        and written not in ELSEWHERE and (name, written) not in BETTER
    ]  # fmt: skip
    assert "\n".join(left_out) == "", "run them above, or say in ELSEWHERE why they are not made there"
    texts = sorted(one for some in compiled.values() for one in some)
    assert [one for one in texts if WRONG[name].search(one) or selects_a_truth(one) or _NOW["sqlite"] in one] == []
    assert any(LOCKS[name] in one for one in texts)
