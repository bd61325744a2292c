"""The contract of an adapter, over every one that there is: bytes untouched, sent once, acknowledged when delivered."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway import assembly, registry
from gateway.burials import Burials
from gateway.contract import (
    Adapter,
    Answer,
    ConfigError,
    Failed,
    IncumbentTimeout,
    IncumbentUnreachable,
    Made,
    Raw,
    Relayed,
    Stage,
)
from gateway.cutover import Caps
from gateway.dispatch import Dispatch
from gateway.kept import Kept
from gateway.link import Links
from gateway.once import Once
from gateway.pipe import Pipe
from gateway.settings import Settings
from gateway.store.engine import connect
from gateway.table import compile_table
from gateway.telemetry import Meters
from tests.parts import until
from tests.spec.specimens import ADAPTER, SPECIMENS, Asked, Queue, Specimen
from tests.spec.test_codecs import garbage

MADE = [make() for make in SPECIMENS]
every = pytest.mark.parametrize("specimen", MADE, ids=str)
fetching = pytest.mark.parametrize("specimen", [one for one in MADE if one.queue], ids=str)
relaying = pytest.mark.parametrize("specimen", [one for one in MADE if one.relays], ids=str)
answering = pytest.mark.parametrize("stage", ["off", "live"])


def run(case: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(case(), 30))


@asynccontextmanager
async def dispatching(
    specimen: Specimen, incumbent: Mapping[str, Any], stage: str
) -> AsyncIterator[tuple[Dispatch, Adapter]]:
    """The adapter behind a real dispatch. No observer: what is seen is dropped and counted."""
    loaded = specimen.loaded(incumbent, stage)
    adapters, links = assembly.adapters(loaded), Links(assembly.models(loaded), {})
    assert await links.connected(["constant"], 5) == []
    table = compile_table(loaded, adapters, links.by_name)
    store = connect("sqlite:///never-opened.db", Path())
    dispatch = Dispatch(table, Pipe("worker", "/nowhere", 0), Meters(), Once(store), Kept(store), Burials(store))
    dispatch.caps = Caps(known=True)
    yield dispatch, adapters[ADAPTER]
    await dispatch.finish()
    await adapters[ADAPTER].close()
    await links.close()


@every
def test_an_unknown_setting_is_an_error(specimen: Specimen) -> None:
    kind: type[Settings] = registry.adapter(specimen.kind).Settings
    kind.model_validate(specimen.settings)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        kind.model_validate({**specimen.settings, "no_such_setting": 1})
    with pytest.raises(ConfigError, match="no_such_setting"):
        specimen.loaded({"no_such_setting": 1})


@every
def test_it_is_made_outside_of_any_event_loop_and_says_what_it_serves(specimen: Specimen) -> None:
    adapter = specimen.adapter()
    assert specimen.operation in adapter.codecs()
    assert isinstance(adapter.ceiling, Stage)
    assert adapter.incumbent() is None, "nobody answers whom nobody configured"
    assert all(isinstance(sentence, str) for sentence in adapter.warnings())


@every
def test_it_can_be_closed_unused_and_twice(specimen: Specimen) -> None:
    async def case() -> None:
        async with specimen.incumbent("answers") as old:
            adapter = specimen.adapter(old.settings)
            await adapter.close()
            await adapter.close()

    run(case)


@every
def test_a_probe_says_what_is_wrong_in_sentences(specimen: Specimen) -> None:
    async def case() -> None:
        async with specimen.incumbent("answers") as old:
            adapter = specimen.adapter(old.settings)
            assert await adapter.probe() == []
            await adapter.close()

    run(case)


@every
def test_the_incumbents_reply_comes_back_byte_for_byte_and_it_is_asked_once(specimen: Specimen) -> None:
    async def case() -> None:
        async with specimen.incumbent("answers") as old:
            adapter = specimen.adapter(old.settings)
            incumbent = adapter.incumbent()
            assert incumbent
            raw = await incumbent.call(specimen.call(), 5)
            assert (raw.body, raw.status, raw.rest) == (specimen.reply.body, specimen.reply.status, None)
            assert old.count() == 1
            await adapter.close()

    run(case)


@relaying
def test_what_cannot_be_read_is_relayed_as_well(specimen: Specimen) -> None:
    async def case() -> None:
        async with specimen.incumbent("answers") as old:
            adapter = specimen.adapter(old.settings)
            incumbent = adapter.incumbent()
            assert incumbent
            raw = await incumbent.call(specimen.call(Raw(b"\xff\x00 nonsense", specimen.request.media)), 5)
            assert raw.body == specimen.reply.body
            await adapter.close()

    run(case)


@every
@pytest.mark.parametrize(
    ("mode", "error", "timeout"), [("gone", IncumbentUnreachable, 30), ("hangs", IncumbentTimeout, 1)]
)
def test_an_incumbent_that_fails_is_one_of_two_errors_and_is_never_asked_again(
    specimen: Specimen, mode: str, error: type[Exception], timeout: float
) -> None:
    async def case() -> None:
        async with specimen.incumbent(mode) as old:
            adapter = specimen.adapter(old.settings)
            incumbent = adapter.incumbent()
            assert incumbent
            with pytest.raises(error):
                await incumbent.call(specimen.call(), timeout)
            assert old.count() == (0 if mode == "gone" else 1)
            await adapter.close()

    run(case)


@every
@answering
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_no_message_makes_an_answer_raise(specimen: Specimen, stage: str, data: st.DataObject) -> None:
    bodies = data.draw(st.lists(garbage(specimen.request.body), min_size=1, max_size=12))

    async def case() -> None:
        async with specimen.incumbent("answers") as old, dispatching(specimen, old.settings, stage) as (dispatch, _):
            calls = [specimen.call(Raw(body, specimen.request.media)) for body in bodies]
            answers = await dispatch.answer([*calls, specimen.call()])
            assert len(answers) == len(calls) + 1
            assert all(isinstance(answer, Relayed | Made | Failed) for answer in answers)
            last: Answer = answers[-1]
            assert isinstance(last, Relayed | Made), "the good one among them has its answer"

    run(case)


@asynccontextmanager
async def fetched(specimen: Specimen, old: Asked) -> AsyncIterator[tuple[Dispatch, Adapter, Queue]]:
    assert specimen.queue
    async with dispatching(specimen, old.settings, "off") as (dispatch, adapter):
        yield dispatch, adapter, specimen.queue(adapter, specimen.request)


@asynccontextmanager
async def consuming(dispatch: Dispatch, adapter: Adapter) -> AsyncIterator["asyncio.Task[None]"]:
    """The source, running; it must end by itself when told to stop."""
    stop = asyncio.Event()
    source = adapter.source(dispatch)
    assert source
    task = asyncio.create_task(source.run(dispatch, stop))
    yield task
    stop.set()
    await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10)


@fetching
def test_every_message_is_answered_once_and_then_forgotten(specimen: Specimen) -> None:
    async def case() -> None:
        async with specimen.incumbent("answers") as old, fetched(specimen, old) as (dispatch, adapter, queue):
            async with consuming(dispatch, adapter):
                for number in range(250):
                    queue.put(f"m{number}")
                await until(lambda: not queue.waiting)
            assert sorted(queue.delivered) == sorted(f"m{number}" for number in range(250))
            assert old.count() == 250

    run(case)


@fetching
def test_a_message_is_acknowledged_only_once_its_answer_is_delivered(specimen: Specimen) -> None:
    async def case() -> None:
        async with specimen.incumbent("answers") as old, fetched(specimen, old) as (dispatch, adapter, queue):
            for number in range(5):
                queue.put(f"m{number}")
            queue.lose("m3")
            async with consuming(dispatch, adapter):
                await until(lambda: not queue.waiting)
            assert sorted(queue.delivered) == [f"m{number}" for number in range(5)]
            assert old.count() == 6, "the one whose delivery failed was answered again"

    run(case)


@fetching
@pytest.mark.parametrize("mode", ["gone", "hangs"])
def test_a_message_that_nobody_answered_is_delivered_again_to_the_next_consumer(specimen: Specimen, mode: str) -> None:
    """By kill -9 of the first, by a stop of it, or because legacy is away: the message waits."""

    async def case() -> None:
        async with specimen.incumbent(mode) as old, fetched(specimen, old) as (dispatch, adapter, queue):
            queue.put("m1")
            async with consuming(dispatch, adapter) as task:
                if mode == "hangs":
                    await until(lambda: old.count() == 1)
                    task.cancel()
            assert queue.waiting == ["m1"] and not queue.delivered
        async with specimen.incumbent("answers") as old, fetched(specimen, old) as (dispatch, adapter, queue):
            queue.put("m1")
            async with consuming(dispatch, adapter):
                await until(lambda: queue.delivered == ["m1"] and not queue.waiting)

    run(case)


@fetching
def test_a_stop_ends_with_nothing_in_flight_and_takes_nothing_new(specimen: Specimen) -> None:
    async def case() -> None:
        async with specimen.incumbent("answers") as old, fetched(specimen, old) as (dispatch, adapter, queue):
            async with consuming(dispatch, adapter) as task:
                queue.put("m1")
                await until(lambda: queue.delivered == ["m1"])
            assert task.done() and not task.cancelled() and task.exception() is None
            queue.put("m2")
            await asyncio.sleep(0)
            assert queue.waiting == ["m2"] and old.count() == 1

    run(case)
