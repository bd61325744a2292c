"""What the observer does when others do not keep in step with it: workers, the store, a codec that breaks."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway import observer as observing
from gateway import pace
from gateway.config import parse
from gateway.observer import Observer
from gateway.pipe import Counts
from gateway.store import queries
from tests.inprocess import InProcess, running
from tests.integration.test_stages import balanced, config, exchange, message
from tests.unit.test_feed import Wire


def observer(gateway: InProcess) -> Observer:
    assert gateway.observer
    return gateway.observer


def ahead(gateway: InProcess, text: str) -> Any:
    """Has the workers take up a configuration of which the observer does not know yet."""
    gateway.dispatch.table = gateway._table(parse(text, gateway.path, os.environ))
    return gateway.dispatch.table


def test_what_is_seen_under_a_table_that_comes_a_moment_later_is_judged_by_it(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("shadow"), tmp_path) as gateway:
            table = ahead(gateway, config("shadow", more="# another version"))
            await exchange(gateway, [message(n) for n in range(20)])
            await gateway.until(lambda: gateway.ledger("loan")["pending"] == 20)
            observer(gateway).swap(table)
            assert await balanced(gateway, 20) == {"seen": 20, "compared": 20}

    asyncio.run(case())


def test_what_is_seen_under_a_table_that_never_comes_is_booked_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observing, "EARLY", 0.1)

    async def case() -> None:
        async with running(config("shadow"), tmp_path) as gateway:
            ahead(gateway, config("shadow", more="# another version"))
            await exchange(gateway, [message(n) for n in range(20)])
            assert await balanced(gateway, 20) == {"seen": 20, "not_observable:reloaded": 20}

    asyncio.run(case())


def test_reading_goes_on_once_the_store_has_what_kept_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been paused with nothing left to judge, so that no verdict would ever resume it."""
    monkeypatch.setattr(observing, "UNWRITTEN", 1)

    async def case() -> None:
        async with running(config("shadow"), tmp_path) as gateway:
            one = observer(gateway)
            await exchange(gateway, [message(1)])
            await gateway.until(lambda: one.behind)
            feed, wire = one.feed(), Wire()
            feed.connection_made(wire)
            feed.data_received(Counts("worker.2", {}, {}).frame())
            assert not wire.reading
            await gateway.until(lambda: wire.reading)
            assert await balanced(gateway, 1) == {"seen": 1, "compared": 1}

    asyncio.run(case())


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Callers call all the time, and the observer has had more than its share."""
    monkeypatch.setattr(pace, "SHARE", 1e-9)
    monkeypatch.setattr(pace, "QUIET", 3600.0)
    monkeypatch.setattr(pace, "REST", 0.05)
    return monkeypatch


def test_while_callers_call_verdicts_wait_and_come_when_nobody_does(tmp_path: Path, busy: pytest.MonkeyPatch) -> None:
    async def case() -> None:
        async with running("observer: {lag: 1h}\n" + config("shadow"), tmp_path) as gateway:
            await exchange(gateway, [message(n) for n in range(20)])
            await gateway.until(lambda: gateway.ledger("loan")["pending"] == 20)
            busy.setattr(pace, "QUIET", 0.0)
            assert await balanced(gateway, 20) == {"seen": 20, "compared": 20}

    asyncio.run(case())


@pytest.mark.parametrize("bound", ["lag: 0s", "lag: 1h, backlog: 10"])
def test_what_is_late_or_too_much_is_judged_though_callers_call(
    tmp_path: Path, busy: pytest.MonkeyPatch, bound: str
) -> None:
    async def case() -> None:
        async with running(f"observer: {{{bound}}}\n" + config("shadow"), tmp_path) as gateway:
            await exchange(gateway, [message(n) for n in range(20)])
            assert await balanced(gateway, 20) == {"seen": 20, "compared": 20}

    asyncio.run(case())


def unwritten(one: Observer) -> int:
    """Calls seen that the store has not been told of."""
    batches = [one._books.batch, *([one._unflushed] if one._unflushed else [])]
    return sum(batch.ledger.get(("loan", "seen"), 0) for batch in batches)


def test_an_observer_that_ends_writes_all_of_what_it_has_read(tmp_path: Path) -> None:
    """Also what came while an earlier batch could not be written, and what waits for the store to be judged."""

    async def case() -> None:
        async with running(config("shadow"), tmp_path) as gateway:
            one = observer(gateway)
            await exchange(gateway, [message(1)])
            await balanced(gateway, 1)
            database, away = tmp_path / "understudy.db", tmp_path / "away.db"
            database.rename(away)
            await gateway.until(lambda: bool(one.problem))  # or a write that has begun would still take the first ones
            first = unwritten(one)  # 1 where its batch was written, and the look at the holds that follows has failed
            await exchange(gateway, [message(n) for n in range(2, 20)])
            await gateway.until(lambda: unwritten(one) == first + 18)
            away.rename(database)
            await gateway.end_observer()
            assert gateway.ledger("loan") == {"seen": 19, "compared": 19}

    asyncio.run(case())


def test_a_batch_that_can_never_be_written_ends_the_observer_with_its_reason(tmp_path: Path) -> None:
    """The parent starts another one, which books the rest as lost: nothing stands still unseen."""

    async def case() -> None:
        async with running(config("shadow"), tmp_path) as gateway:
            one = observer(gateway)

            def broken(batch: Any) -> Any:
                raise TypeError("a set cannot be kept in the store")

            one._write = broken  # type: ignore[method-assign]  # the store takes everything that there is
            [task] = gateway._observing
            await gateway.until(task.done)
            with pytest.raises(TypeError, match="a set cannot be kept"):
                task.result()

    asyncio.run(case())


def test_a_codec_that_breaks_costs_its_own_call_and_the_log_quotes_nobody(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("shadow"), tmp_path) as gateway:
            bound = gateway.dispatch.table.find("old", "Score")
            assert bound
            codec = bound.codec

            class Breaking:
                """Breaks on one customer."""

                reply, encode, amend = codec.reply, codec.encode, codec.amend

                def request(self, raw: Any) -> Any:
                    if b'"00007"' in raw.body:
                        raise RuntimeError("Ada Lovelace, born 1815")
                    return codec.request(raw)

            bound.codec = Breaking()
            with capture_logs() as logs:
                await exchange(gateway, [message(n) for n in range(10)])
                assert await balanced(gateway, 10) == {"seen": 10, "compared": 9, "failed": 1}
            [entry] = [log for log in logs if log["event"] == "judging_failed"]
            assert entry["calls"] == ["m7"] and entry["error"] == "RuntimeError"
            assert any(line.endswith(" request") for line in entry["at"])
            assert "Lovelace" not in str(logs)
            assert queries.agreement(gateway.engine, "loan").compared == 9

    asyncio.run(case())
