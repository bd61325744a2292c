"""The way to a model, over its comings and goings and over reloads."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.contract import CandidateFailed, ModelChanged, ModelUnavailable
from gateway.link import Link, Links
from tests.parts import Scorer, linked, until


def run(case: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(case(), 20))


def test_it_connects_as_soon_as_the_model_is_there() -> None:
    async def case() -> None:
        scorer = Scorer()
        scorer.away = 2
        link = Link("scorer", scorer, "")
        with pytest.raises(ModelUnavailable, match="scorer: not connected yet"):
            await link.predict([{"amount": 1}], 1)
        await link.connect()
        assert (scorer.connects, link.tag, link.problem) == (3, "scorer:1", "") and link.model
        assert await link.predict([{"amount": 500}], 1) == [{"probability_bad": 0.25}]

    run(case)


def test_it_says_why_there_is_no_model() -> None:
    async def case() -> None:
        scorer = Scorer()
        scorer.away = 10**9
        link = Link("scorer", scorer, "")
        connecting = asyncio.create_task(link.connect())
        await until(lambda: scorer.connects > 0)
        await asyncio.sleep(0)
        with pytest.raises(ModelUnavailable, match="nobody is there"):
            await link.predict([{"amount": 1}], 1)
        connecting.cancel()

    run(case)


def test_without_time_the_model_is_not_asked() -> None:
    async def case() -> None:
        scorer = Scorer()
        link = Link("scorer", scorer, "")
        await link.connect()
        with pytest.raises(CandidateFailed):
            await link.predict([{"amount": 1}], 0)
        assert scorer.asked == []

    run(case)


def test_a_reload_takes_over_the_model_that_stays_and_closes_the_one_that_goes() -> None:
    async def case() -> None:
        stays, goes = Scorer(tag="stays:1"), Scorer(tag="goes:1")
        before = Links({"a": stays, "b": goes}, {})
        assert await before.connected(["a", "b"], 5) == []
        after = Links({"a": Scorer(tag="stays:1"), "b": Scorer(tag="goes:2")}, {}, before)
        assert after.by_name["a"] is before.by_name["a"]
        assert after.by_name["b"] is not before.by_name["b"]
        await before.close(after)
        assert (stays.closed, goes.closed) == (0, 1)

    run(case)


@pytest.mark.parametrize("sockets", [{"a": "/run/other"}, {"a": ""}])
def test_the_same_model_on_another_socket_is_another_process(sockets: dict[str, str]) -> None:
    async def case() -> None:
        before = Links({"a": Scorer()}, {"a": ""})
        after = Links({"a": Scorer()}, sockets, before)
        assert (after.by_name["a"] is before.by_name["a"]) is (sockets["a"] == "")

    run(case)


def test_a_model_that_two_configurations_wait_for_is_connected_once() -> None:
    """A reload while the model is still away must not open a second connection that nobody closes."""

    async def case() -> None:
        scorer = Scorer()
        scorer.gate.clear()
        before = Links({"a": scorer}, {})
        before.connect()
        await until(lambda: scorer.connects == 1)
        after = Links({"a": scorer}, {}, before)
        after.connect()
        for _ in range(10):
            await asyncio.sleep(0)
        scorer.gate.set()
        assert await after.connected(["a"], 5) == []
        await before.close(after)
        assert scorer.connects == 1
        await after.close()
        assert scorer.closed == 1

    run(case)


def test_the_successor_goes_on_connecting_when_the_one_before_is_closed() -> None:
    async def case() -> None:
        scorer = Scorer()
        scorer.gate.clear()
        before = Links({"a": scorer}, {})
        before.connect()
        after = Links({"a": scorer}, {}, before)
        after.connect()
        await until(lambda: scorer.connects == 1)
        await before.close(after)
        scorer.gate.set()
        assert await after.connected(["a"], 5) == []
        await after.close()

    run(case)


def test_who_is_not_there_in_time_is_named() -> None:
    async def case() -> None:
        scorer = Scorer()
        scorer.gate.clear()
        links = Links({"a": scorer}, {})
        assert await links.connected(["a"], 0.01) == ["a"]
        await links.close()

    run(case)


def test_a_model_that_was_replaced_at_its_url_is_connected_anew_under_its_own_tag() -> None:
    async def case() -> None:
        scorer = Scorer(tag="credit:1", pinned=False)
        link = await linked(scorer)
        scorer.served = "credit:2"
        scorer.gate.clear()
        with pytest.raises(ModelChanged, match="credit:2 answered in place of credit:1"):
            await link.predict([{"amount": 500}], 1)
        assert link.model is None and link.tag == "", "nobody is taken for somebody else meanwhile"
        with pytest.raises(ModelUnavailable):
            await link.predict([{"amount": 500}], 1)
        scorer.gate.set()
        await until(lambda: link.model)
        assert (link.tag, scorer.connects, scorer.closed) == ("credit:2", 2, 1)
        assert await link.predict([{"amount": 500}], 1) == [{"probability_bad": 0.25}]
        await link.close()

    run(case)


def test_it_is_noticed_even_while_nobody_asks_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.link.LOOK", 0.005)
    monkeypatch.setattr("gateway.link.SETTLE", 0.0)

    async def case() -> None:
        scorer = Scorer(tag="credit:1", pinned=False)
        link = await linked(scorer)
        for scorer.served in ("credit:2", "credit:3"):
            await until(lambda: link.tag == scorer.served)
        assert scorer.asked == []
        await link.close()
        assert scorer.closed == scorer.connects == 3

    run(case)


def test_closing_ends_the_search_for_a_successor() -> None:
    async def case() -> None:
        scorer = Scorer(tag="credit:1", pinned=False)
        link = await linked(scorer)
        scorer.served, scorer.away = "credit:2", 10**9
        with pytest.raises(ModelChanged):
            await link.predict([{"amount": 500}], 1)
        await until(lambda: scorer.connects > 1)
        await link.close()
        connects = scorer.connects
        await asyncio.sleep(0)
        assert (scorer.connects, scorer.closed) == (connects, 1)

    run(case)


@pytest.mark.parametrize(("patience", "told"), [(60.0, []), (0.0, ["model_unavailable"])])
def test_only_a_model_that_stays_away_is_worth_a_warning_and_only_one(
    monkeypatch: pytest.MonkeyPatch, patience: float, told: list[str]
) -> None:
    monkeypatch.setattr("gateway.link.STARTING", patience)

    async def case() -> None:
        scorer = Scorer()
        scorer.away = 3
        with capture_logs() as logged:
            await Link("scorer", scorer, "").connect()
        assert [line["event"] for line in logged] == told

    run(case)
