"""Concurrent calls share requests; what goes wrong stays with whom it belongs to; nothing waits or grows for ever."""

import asyncio
import datetime
from collections.abc import Callable, Coroutine
from math import ceil, log2
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import BadPrediction, ModelTimeout, ModelUnavailable, RowError
from models.client import Coalescer
from models.dialect import Records
from models.transport import Http
from tests.unit.models.stub import Stub, scored, serving, until

LONG = 60.0


def rows(*numbers: int) -> list[dict[str, int]]:
    return [{"n": number} for number in numbers]


def saw(*numbers: int) -> list[dict[str, Any]]:
    return [{"saw": {"n": number}} for number in numbers]


def refusing(bad: Callable[[Any], bool], refusal: Callable[[], web.Response], stub: Stub) -> None:
    """The stub refuses every request that has a bad record in it."""

    async def answer(records: list[Any]) -> web.Response:
        return refusal() if any(map(bad, records)) else scored(records)

    stub.answer = answer


def hanging(stub: Stub) -> asyncio.Event:
    """The stub answers nothing until the event is set."""
    released = asyncio.Event()

    async def answer(records: list[Any]) -> web.Response:
        await released.wait()
        return scored(records)

    stub.answer = answer
    return released


def answering(body: str, status: int = 200) -> Callable[[], web.Response]:
    return lambda: web.Response(status=status, text=body, content_type="application/json")


def test_an_idle_model_is_asked_at_once_and_answers_stay_in_order() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            assert await model.predict(rows(1, 2, 3), LONG) == saw(1, 2, 3)
            assert await model.predict(rows(4), LONG) == saw(4)
            assert stub.requests == [rows(1, 2, 3), rows(4)]

    asyncio.run(case())


def test_a_burst_of_64_calls_in_one_turn_is_one_request() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            answers = await asyncio.gather(*(model.predict(rows(n), LONG) for n in range(64)))
            assert answers == [saw(n) for n in range(64)]
            assert len(stub.requests) == 1

    asyncio.run(case())


def test_calls_that_come_while_a_request_is_under_way_share_the_next() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            released = hanging(stub)
            first = asyncio.create_task(model.predict(rows(0), LONG))
            await until(lambda: len(stub.requests) == 1)
            others = [asyncio.create_task(model.predict(rows(n), LONG)) for n in range(1, 64)]
            await asyncio.sleep(0)
            released.set()
            assert await first == saw(0)
            assert await asyncio.gather(*others) == [saw(n) for n in range(1, 64)]
            assert [len(each) for each in stub.requests] == [1, 63]

    asyncio.run(case())


def test_64_callers_that_keep_calling_need_one_request_a_turn() -> None:
    async def case() -> None:
        async with serving() as (stub, model):

            async def caller(number: int) -> None:
                for _ in range(10):
                    assert await model.predict(rows(number), LONG) == saw(number)

            await asyncio.gather(*(caller(number) for number in range(64)))
            assert sum(map(len, stub.requests)) == 640
            assert len(stub.requests) <= 20

    asyncio.run(case())


@pytest.mark.parametrize("in_flight", [1, 3])
def test_no_more_requests_are_under_way_than_configured(in_flight: int) -> None:
    async def case() -> None:
        async with serving(batch=2, in_flight=in_flight) as (stub, model):
            most = under_way = 0

            async def answer(records: list[Any]) -> web.Response:
                nonlocal most, under_way
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(0.001)
                under_way -= 1
                return scored(records)

            stub.answer = answer
            assert await model.predict(rows(*range(40)), LONG) == saw(*range(40))
            assert most == in_flight

    asyncio.run(case())


def test_a_call_with_more_rows_than_a_request_may_have_is_split() -> None:
    async def case() -> None:
        async with serving(batch=10, queue=10) as (stub, model):
            assert await model.predict(rows(*range(25)), LONG) == saw(*range(25))
            assert [len(each) for each in stub.requests] == [10, 10, 5]

    asyncio.run(case())


def test_no_rows_are_no_request() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            assert await model.predict([], LONG) == []
            assert stub.requests == []

    asyncio.run(case())


BAD_ANSWERS = {
    "refused with 400": answering('{"error": "bad record"}', 400),
    "refused with 422": answering("", 422),
    "failed with 500": answering("Traceback", 500),
    "NaN": answering('{"model": "stub:1", "predictions": [{"p": NaN}]}'),
    "no JSON": answering("<html>"),
    "a list": answering("[1, 2]"),
    "no predictions": answering('{"model": "stub:1"}'),
    "too many predictions": answering('{"model": "stub:1", "predictions": [' + ",".join(["{}"] * 65) + "]}"),
}


@pytest.mark.parametrize("refusal", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_bad_record_fails_alone_and_63_others_are_scored(refusal: Callable[[], web.Response]) -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            refusing(lambda record: record["n"] == 41, refusal, stub)
            answers = await asyncio.gather(*(model.predict(rows(n), LONG) for n in range(64)))
            assert isinstance(answers[41][0], RowError)
            assert [each for n, each in enumerate(answers) if n != 41] == [saw(n) for n in range(64) if n != 41]
            assert len(stub.requests) <= 1 + 2 * ceil(log2(64))

    asyncio.run(case())


@settings(max_examples=20)
@given(size=st.integers(2, 64), bad=st.sets(st.integers(0, 63), max_size=3))
def test_up_to_three_bad_records_are_found_wherever_they_are(size: int, bad: set[int]) -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            refusing(lambda record: record["n"] in bad, answering("", 400), stub)
            answers = await model.predict(rows(*range(size)), LONG)
            failed = {n for n, answer in enumerate(answers) if isinstance(answer, RowError)}
            assert failed == {n for n in bad if n < size}

    asyncio.run(case())


def test_an_error_that_the_server_names_for_one_row_needs_no_second_request() -> None:
    async def case() -> None:
        async with serving() as (stub, model):

            async def answer(records: list[Any]) -> web.Response:
                return answering('{"model": "stub:1", "predictions": [{"p": 1}, {"error": "purpose: unknown"}, 7]}')()

            stub.answer = answer
            first, second, third = await model.predict(rows(1, 2, 3), LONG)
            assert first == {"p": 1}
            assert second == RowError("purpose: unknown")
            assert third == RowError("a prediction is int, not an object")
            assert len(stub.requests) == 1

    asyncio.run(case())


@pytest.mark.parametrize("value", [datetime.timedelta(1), 2**70, "\ud800", {1, 2}])
def test_a_record_that_json_cannot_hold_is_never_sent(value: object) -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            first, second, third = await model.predict([*rows(1), {"n": value}, *rows(3)], LONG)
            assert (first, third) == (saw(1)[0], saw(3)[0])
            assert isinstance(second, RowError)
            assert "JSON" in second.message
            assert stub.requests == [rows(1, 3)]

    asyncio.run(case())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (answering("<html>"), BadPrediction),
        (answering('{"predictions": []}'), BadPrediction),
        (answering('{"predictions": [1]}'), BadPrediction),
        (answering("", 500), ModelUnavailable),
        (answering("", 503), ModelUnavailable),
        (answering("", 404), ModelUnavailable),
        (answering("", 302), ModelUnavailable),
    ],
)
def test_a_model_that_answers_nonsense_fails_the_call(
    answer: Callable[[], web.Response], error: type[Exception]
) -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            refusing(lambda _: True, answer, stub)
            with pytest.raises(error):
                await model.predict(rows(1), LONG)
            stub.answer = stub.right
            assert await model.predict(rows(1), LONG) == saw(1)

    asyncio.run(case())


def test_a_broken_model_is_asked_a_few_times_a_batch_and_no_more() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            refusing(lambda _: True, answering("", 500), stub)
            calls = (model.predict(rows(n), LONG) for n in range(256))
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(each, ModelUnavailable) for each in answers)
            assert len(stub.requests) == 16

    asyncio.run(case())


def test_an_overloaded_server_is_not_asked_again_for_the_same_batch() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            refusing(lambda _: True, answering("", 503), stub)
            with pytest.raises(ModelUnavailable, match="503"):
                await model.predict(rows(*range(8)), LONG)
            assert len(stub.requests) == 1

    asyncio.run(case())


def test_the_answer_of_another_model_is_never_taken_for_this_ones() -> None:
    async def case() -> None:
        async with serving() as (stub, model):

            async def answer(records: list[Any]) -> web.Response:
                return scored(records, "stub:2")

            stub.answer = answer
            with pytest.raises(ModelUnavailable, match="'stub:2' answered in place of stub:1"):
                await model.predict(rows(1), LONG)

    asyncio.run(case())


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.transport.MAX_ANSWER", 1000)

    async def case() -> None:
        async with serving() as (stub, model):
            refusing(lambda _: True, answering("[" * 2000), stub)
            with pytest.raises(BadPrediction, match="larger than 1000 bytes"):
                await model.predict(rows(1), LONG)

    asyncio.run(case())


def test_a_hung_model_times_every_caller_out_and_gathers_no_work() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            released = hanging(stub)
            for _ in range(3):
                calls = (model.predict(rows(n), 0.02) for n in range(10))
                answers = await asyncio.gather(*calls, return_exceptions=True)
                assert all(isinstance(each, ModelTimeout) for each in answers)
            released.set()
            assert await model.predict(rows(99), LONG) == saw(99)
            assert stub.probes >= 1
            assert 99 in [record["n"] for record in stub.requests[-1]]

    asyncio.run(case())


def test_a_row_that_timed_out_while_waiting_is_not_sent() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            released = hanging(stub)
            first = asyncio.create_task(model.predict(rows(1), LONG))
            await until(lambda: len(stub.requests) == 1)
            with pytest.raises(ModelTimeout):
                await model.predict(rows(2), 0.01)
            third = asyncio.create_task(model.predict(rows(3), LONG))
            await asyncio.sleep(0)
            released.set()
            assert [await first, await third] == [saw(1), saw(3)]
            assert stub.requests == [rows(1), rows(3)]

    asyncio.run(case())


def test_a_caller_that_times_out_takes_nobody_with_it() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            released = hanging(stub)
            patient = asyncio.create_task(model.predict(rows(1), LONG))
            with pytest.raises(ModelTimeout):
                await model.predict(rows(2), 0.05)
            released.set()
            assert await patient == saw(1)

    asyncio.run(case())


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_a_call_without_time_left_is_not_sent(timeout: float) -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            with pytest.raises(ModelTimeout):
                await model.predict(rows(1), timeout)
            assert stub.requests == []

    asyncio.run(case())


def test_a_call_with_next_to_no_time_left_disturbs_none_beside_it() -> None:
    """uvloop gives no timer for what is due within half a millisecond, only a handle without a time."""

    async def case() -> None:
        async with serving() as (_, model):
            short, long = await asyncio.gather(
                model.predict(rows(1), 0.0003), model.predict(rows(2), LONG), return_exceptions=True
            )
            assert isinstance(short, ModelTimeout) or short == saw(1)
            assert long == saw(2)

    uvloop.run(case())


def test_a_cancelled_caller_frees_its_slot() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            hanging(stub)
            call = asyncio.create_task(model.predict(rows(1), LONG))
            await until(lambda: len(stub.requests) == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            stub.answer = stub.right
            assert await model.predict(rows(2), LONG) == saw(2)

    asyncio.run(case())


def test_a_full_queue_refuses_at_once_and_frees_up_again() -> None:
    async def case() -> None:
        async with serving(queue=5) as (stub, model):
            released = hanging(stub)
            first = asyncio.create_task(model.predict(rows(0), LONG))
            await until(lambda: len(stub.requests) == 1)
            waiting = [asyncio.create_task(model.predict(rows(n), LONG)) for n in range(1, 6)]
            await asyncio.sleep(0)
            with pytest.raises(ModelUnavailable, match="5 rows already wait for the model, 5 may"):
                await model.predict(rows(6), LONG)
            waiting.pop().cancel()
            await asyncio.sleep(0)
            waiting.append(asyncio.create_task(model.predict(rows(7), LONG)))
            await asyncio.sleep(0)
            released.set()
            assert await asyncio.gather(first, *waiting) == [saw(n) for n in (0, 1, 2, 3, 4, 7)]

    asyncio.run(case())


def test_a_model_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async def case() -> None:
        transport = Http.unix(str(tmp_path / "none.sock"))
        model = Coalescer(transport, Records(), "stub:1", {}, batch=1, queue=1, in_flight=1)
        try:
            with pytest.raises(ModelUnavailable, match="cannot be reached"):
                await model.predict(rows(1), LONG)
        finally:
            await model.close()

    asyncio.run(case())


def test_closing_fails_whoever_waits_and_refuses_what_follows() -> None:
    async def case() -> None:
        async with serving() as (stub, model):
            hanging(stub)
            under_way = asyncio.create_task(model.predict(rows(1), LONG))
            await until(lambda: len(stub.requests) == 1)
            waiting = asyncio.create_task(model.predict(rows(2), LONG))
            await asyncio.sleep(0)
            await model.close()
            for each in await asyncio.gather(under_way, waiting, return_exceptions=True):
                assert isinstance(each, ModelUnavailable)
            with pytest.raises(ModelUnavailable):
                await model.predict(rows(3), LONG)

    asyncio.run(case())


def test_a_random_mix_of_callers_gets_its_own_answers(rng: Any) -> None:
    """Whatever the sizes, patience and bad records: an answer is the caller's own, or an error."""

    async def case() -> None:
        async with serving(batch=7, queue=10_000, in_flight=2) as (stub, model):
            refusing(lambda record: record["n"] % 50 == 13, answering("", 400), stub)

            async def caller(start: int) -> None:
                numbers = range(start, start + rng.randrange(1, 20))
                try:
                    answers = await model.predict(rows(*numbers), rng.choice([0.001, LONG, LONG, LONG]))
                except ModelTimeout:
                    return
                for number, answer in zip(numbers, answers, strict=True):
                    assert answer == saw(number)[0] or (isinstance(answer, RowError) and number % 50 == 13)

            calls: list[Coroutine[Any, Any, None]] = [caller(20 * each) for each in range(100)]
            await asyncio.gather(*calls)

    asyncio.run(case())
