"""Ways to find, claim and answer that not every table needs: watermarks, columns, procedures, queries, messages."""

import asyncio
import json
import random
import signal
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from structlog.testing import capture_logs

from adapters.database import ddl
from adapters.database.desk import Desk
from adapters.database.rows import RowCodec, RowRaw
from gateway.contract import Call
from tests.inprocess import running
from tests.integration.database.configured import ROUTE, adapter, config, settings
from tests.integration.database.legacy_tables import Legacy, loans, verdicts

MARK = {"find": {"watermark": {"column": "id", "from": "beginning", "reconcile": "200ms"}},
        "answer": {"table": "verdicts", "key": {"id": "loan"}}, "refusal": {"code": "source"}}  # fmt: skip


def test_what_is_appended_late_and_out_of_order_is_found_once(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.claims(settings(legacy, **MARK))
        legacy.apply(range(100, 200), amount=10)
        async with running(config(adapter(legacy, **MARK)), tmp_path) as gateway:
            await gateway.until(lambda: len(legacy.rows(verdicts)) == 100)
            with legacy.engine.connect() as late:
                if legacy.engine.dialect.name != "sqlite":  # which has one writer at a time
                    late.execute(
                        insert(loans), [{"id": n, "branch": "B", "amount": 10, "state": "X"} for n in range(9)]
                    )
                legacy.apply(range(300, 350), amount=10)
                await gateway.until(lambda: len(legacy.rows(verdicts)) == 150)
                late.commit()
            expected = 150 if legacy.engine.dialect.name == "sqlite" else 159
            await gateway.until(lambda: len(legacy.rows(verdicts)) == expected)
            legacy.apply([50], amount=10)
            await gateway.until(lambda: len(legacy.rows(verdicts)) == expected + 1)
        assert {row["us_state"] for row in legacy.side()} == {"done"}

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["postgresql", "mariadb"], indirect=True)
def test_several_writers_that_commit_late_and_out_of_order_are_all_found(
    legacy: Legacy, tmp_path: Path, rng: random.Random
) -> None:
    """Six at once, each with numbers above and below those of others that are committed and answered already."""
    numbers = rng.sample(range(1, 601), 600)

    async def case() -> None:
        legacy.claims(settings(legacy, **MARK))
        async with running(config(adapter(legacy, **MARK)), tmp_path) as gateway:
            writers = [legacy.engine.connect() for _ in range(5)]
            for at, writer in enumerate(writers):
                part = numbers[100 * at : 100 * at + 100]
                writer.execute(insert(loans), [{"id": n, "branch": "B", "amount": 10, "state": "X"} for n in part])
            rng.shuffle(writers)
            legacy.apply(numbers[500:], amount=10)
            await gateway.until(lambda: len(legacy.rows(verdicts)) == 100)
            for count, writer in enumerate(writers, 2):
                writer.commit()
                writer.close()
                await gateway.until(lambda count=count: len(legacy.rows(verdicts)) == 100 * count)  # type: ignore[misc]
        assert [row["loan"] for row in legacy.rows(verdicts)] == list(range(1, 601))

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["sqlite"], indirect=True)
def test_the_budget_of_rows_a_second_is_kept(legacy: Legacy, tmp_path: Path) -> None:
    """However fast the machine is: by what the legacy table shows, at most the rows allowed, and one batch."""
    allowed, size = 100, 20

    async def case() -> None:
        values = {**adapter(legacy, size=size), "budget": {"rows": allowed}}
        legacy.claims(settings(legacy))
        legacy.apply(range(1, 221), amount=10)
        async with running(config(values), tmp_path) as gateway:
            await gateway.until(lambda: legacy.states().get("DONE"))
            begun, first = time.monotonic(), legacy.states()["DONE"]
            await gateway.until(lambda: legacy.states() == {"DONE": 220})
            rate = (220 - first - size) / (time.monotonic() - begun)
        print(f"{rate:.0f} rows a second of {allowed}")
        assert rate <= allowed

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["postgresql"], indirect=True)
def test_the_budget_of_statements_at_once_is_kept(legacy: Legacy, tmp_path: Path) -> None:
    """Given two at most, when a table is polled and twenty callers ask slow queries, then the server never sees more
    connections of ours, and both at work."""
    values = {**adapter(legacy, size=10), "budget": {"statements": 2}, "timeout": "60s",
              "queries": {"Ask": {"sql": "SELECT 'A' AS decision FROM pg_sleep(0.05)"}}}  # fmt: skip
    ours = text("SELECT count(*), count(*) FILTER (WHERE state = 'active') FROM pg_stat_activity"
                " WHERE application_name = 'understudy'")  # fmt: skip
    over, most = threading.Event(), [0, 0]

    def look() -> None:
        with legacy.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while not over.is_set():
                most[:] = map(max, most, watcher.execute(ours).one())

    async def case() -> None:
        legacy.claims(settings(legacy))
        legacy.apply(range(1, 301), amount=10)
        async with running(config(values), tmp_path, observe=False) as gateway:
            incumbent = gateway.adapters["bank"].incumbent()
            assert incumbent is not None
            calls = [Call("bank", "Ask", RowRaw({}), RowCodec({}, {}, None), timeout=60) for _ in range(20)]
            await asyncio.gather(*(incumbent.call(call, 60) for call in calls))
            await gateway.until(lambda: legacy.states() == {"DONE": 300})

    with ThreadPoolExecutor(1) as threads:
        looking = threads.submit(look)
        try:
            asyncio.run(case())
        finally:
            over.set()
        looking.result()
    assert most == [2, 2]


def test_a_view_whose_key_has_two_columns_is_answered_into_a_result_table(legacy: Legacy, tmp_path: Path) -> None:
    key = {"branch": "office", "id": "loan"}
    values = {"table": "open_loans", "key": list(key), "find": {"result": {"table": "opinions", "key": key}},
              "columns": ["amount"], "refusal": {"code": "decision"}}  # fmt: skip
    with legacy.engine.begin() as connection:
        connection.execute(text("CREATE VIEW open_loans AS SELECT id, branch, amount FROM loans WHERE state = 'NEW'"))
        connection.execute(
            text("CREATE TABLE opinions (office CHAR(8), loan INTEGER, decision VARCHAR(20), score NUMERIC(7, 1))")
        )

    def answered() -> list[tuple[str, int]]:
        with legacy.engine.connect() as connection:
            rows = connection.execute(text("SELECT office, loan FROM opinions ORDER BY loan")).all()
        return [(office.rstrip(), loan) for office, loan in rows]

    async def case() -> None:
        legacy.claims(settings(legacy, **values))
        legacy.apply(range(1, 101))
        legacy.apply(range(101, 121), state="OLD")
        async with running(config(adapter(legacy, **values)), tmp_path) as gateway:
            await gateway.until(lambda: len(answered()) == 100)
            legacy.apply([200])
            await gateway.until(lambda: len(answered()) == 101)
        assert answered() == [(f"B{n % 7}", n) for n in (*range(1, 101), 200)]
        assert legacy.side("understudy_open_loans") == []

    asyncio.run(case())


def test_the_batches_view_has_what_nobody_claims(legacy: Legacy) -> None:
    table = settings(legacy).tables["Score"]
    legacy.claims(settings(legacy))
    legacy.apply(range(1, 11))
    desk = Desk("here", table, legacy.engine, None)
    with legacy.engine.begin() as connection:
        connection.exec_driver_sql(ddl.view(desk.layout, legacy.engine.dialect))
    taken = {row.key[0] for row in desk.claim(4).rows}
    with legacy.engine.connect() as connection:
        free = set(connection.execute(text("SELECT id FROM understudy_free_loans")).scalars())
    assert len(taken) == 4 and free == set(range(1, 11)) - taken


@pytest.mark.parametrize("lock", ["auto", "token"])
def test_claims_can_live_in_the_row(legacy: Legacy, tmp_path: Path, lock: str) -> None:
    columns = {"token": "us_token", "until": "us_until", "attempts": "us_attempts"}

    async def case() -> None:
        with legacy.engine.begin() as connection:
            for column in ("us_token VARCHAR(32)", "us_until BIGINT", "us_attempts INTEGER"):
                connection.execute(text(f"ALTER TABLE loans ADD COLUMN {column}"))
        legacy.apply(range(1, 81), amount=10)
        legacy.apply([900], amount=None)
        values = adapter(legacy, claim={"columns": columns, "lock": lock, "attempts": 1})
        async with running(config(values), tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"DONE": 80, "ERROR": 1})
        with legacy.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM loans WHERE us_token IS NOT NULL")).scalar() == 0

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["postgresql", "mariadb"], indirect=True)
def test_a_stored_procedure_takes_the_answers(legacy: Legacy, tmp_path: Path) -> None:
    body = "INSERT INTO verdicts (loan, decision, source) VALUES (p_loan, p_decision, 'proc')"
    made = {
        "postgresql": f"CREATE PROCEDURE answer_loan(p_loan int, p_decision text) LANGUAGE sql AS $$ {body} $$",
        "mariadb": f"CREATE PROCEDURE answer_loan(p_loan int, p_decision varchar(1)) {body}",
    }
    values = {"answer": {"procedure": "answer_loan", "arguments": ["id", "decision"]}, "refusal": None,
              "where": {"amount": {"below": 1900}}}  # fmt: skip

    async def case() -> None:
        legacy.claims(settings(legacy, **values))
        with legacy.engine.begin() as connection:
            connection.exec_driver_sql(made[legacy.engine.dialect.name])
        legacy.apply(range(1, 31), amount=10)
        legacy.apply([900], amount=-5)
        with legacy.engine.begin() as connection:  # the procedure will fail for this one, and for nobody else
            connection.execute(insert(verdicts), [{"loan": 7, "decision": "R"}])
        async with running(config(adapter(legacy, claim={"attempts": 1}, **values)), tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"DONE": 29, "ERROR": 2})
        assert sum(row["source"] == "proc" for row in legacy.rows(verdicts)) == 29

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["sqlite", "mariadb"], indirect=True)
def test_a_query_answers_a_route_whose_callers_speak_another_protocol(legacy: Legacy, tmp_path: Path) -> None:
    asked(legacy, tmp_path, {"sql": f"SELECT {WORDS.format(':id')}"})


@pytest.mark.parametrize("legacy", ["mariadb"], indirect=True)
def test_a_procedure_answers_a_route_whose_callers_speak_another_protocol(legacy: Legacy, tmp_path: Path) -> None:
    with legacy.engine.begin() as connection:
        connection.execute(text(f"CREATE PROCEDURE score_loan(p_id varchar(10)) SELECT {WORDS.format('p_id')}"))
    asked(legacy, tmp_path, {"procedure": "score_loan", "arguments": ["id"]})


WORDS = "CASE WHEN {} = 'n7' THEN 'R' ELSE 'A' END AS decision, 17.5 AS score"


def asked(legacy: Legacy, tmp_path: Path, query: Mapping[str, object]) -> None:
    """Memory's JSON callers get what the database says, in their own format."""
    queries = {"type": "database", "url": legacy.engine.url.render_as_string(hide_password=False),
               "queries": {"Ask": query}}  # fmt: skip
    written = ROUTE.replace("ADAPTER", json.dumps(queries)).replace("STAGE", "shadow").replace("PERCENT", "0")
    written = written.replace("MODEL", "by_amount").replace(
        "adapters:", "adapters:\n  box: {type: memory, operations: [Score]}"
    )
    written = written.replace("bank/Score", "box/Score") + (
        "    incumbent:\n      adapter: bank\n      operation: Ask\n      request: {id: id}\n"
        "      answer: {decision: {from: decision, codes: {A: approve, R: reject}}, score: score}\n"
    )

    async def case() -> None:
        from adapters.memory import Memory, Message

        async with running(written, tmp_path) as gateway:
            box = gateway.adapters["box"]
            assert isinstance(box, Memory)
            for n in range(20):
                box.put(Message(f"n{n}", "Score", json.dumps({"id": f"n{n}", "amount": 10}).encode()))
            await gateway.until(lambda: len(box.delivered) == 20)
            bodies = {id: json.loads(answer.raw.body) for id, answer in box.delivered}  # type: ignore[union-attr]
            assert bodies["n7"] == {"decision": "R", "score": 17.5} and bodies["n8"]["decision"] == "A"
            await gateway.until(lambda: gateway.ledger("loan")["compared"] == 20)

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["postgresql"], indirect=True)
def test_a_column_may_hold_a_message(legacy: Legacy, tmp_path: Path) -> None:
    values = adapter(legacy, formats={"note": "json"})

    async def case() -> None:
        legacy.claims(settings(legacy))
        legacy.apply([1], note='{"wanted": 400.5}')
        legacy.apply([2], note="no json")
        written = config(values).replace("{id: id, amount: amount}", "{id: id, amount: note.wanted}")
        async with running(written, tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"DONE": 1, "ERROR": 1})
        assert [row["us_error"] for row in legacy.side()] == ["Undecodable"]
        assert float(legacy.rows()[0]["score"]) == 799.8

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["postgresql"], indirect=True)
def test_a_notification_wakes_the_poller(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        from adapters.database.layout import reflect

        typed = settings(legacy)
        legacy.claims(typed)
        layout = reflect("here", typed.tables["Score"], legacy.engine, None)
        with legacy.engine.begin() as connection:
            for statement in ddl.notify(layout, legacy.engine.dialect, "loans_came"):
                connection.exec_driver_sql(statement.replace("%", "%%"))

        def done(count: int) -> bool:
            return legacy.states() == {"DONE": count}

        values = adapter(legacy)
        values["poll"] = {"fastest": "30s", "slowest": "30s", "listen": "loans_came"}
        async with running(config(values), tmp_path) as gateway:
            for n in range(1, 4):  # each would wait for 30 s
                legacy.apply([n])
                await gateway.until(partial(done, n), 20)

    asyncio.run(case())


@pytest.mark.parametrize("legacy", ["postgresql", "mariadb"], indirect=True)
def test_the_database_may_go_away_and_come_back(legacy: Legacy, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(f"{legacy.engine.dialect.name}_server")

    async def case() -> None:
        legacy.claims(settings(legacy))
        async with running(config(adapter(legacy)), tmp_path) as gateway:
            legacy.apply(range(1, 101), amount=10)
            server.end(signal.SIGQUIT)
            await gateway.until(lambda: any(one["event"] == "database_down" for one in said))
            server.start()
            legacy.engine.dispose()
            legacy.apply(range(101, 151), amount=10)
            await gateway.until(lambda: legacy.states() == {"DONE": 150}, 60)

    with capture_logs() as said:
        asyncio.run(case())
