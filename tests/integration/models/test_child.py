"""The credit model in its own process: what it answers, and what callers see when it is killed, stopped or replaced."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.contract import CandidateFailed, Model, ModelTimeout, ModelUnavailable, RowError
from gateway.schema import check
from models.credit.data import load
from models.credit.train import chosen, fit
from models.process import Bento, BentoSettings
from models.transport import Http
from tests.integration.models.conftest import ready

LONG = 60.0
ROWS: Sequence[dict[str, Any]] = [dict(each.row) for each in load()]

Start = Callable[[str], subprocess.Popen[bytes]]


async def recovered(model: Model) -> None:
    """Returns once the model scores again; fails after a minute."""
    deadline = time.monotonic() + LONG
    while True:
        try:
            await model.predict(ROWS[:1], 1.0)
            return
        except CandidateFailed:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


def test_the_child_answers_what_the_model_answers_in_process(bento: Bento, socket: str) -> None:
    async def case() -> None:
        model = await bento.connect(socket)
        answers = await model.predict(ROWS, LONG)
        assert answers == fit(chosen("half")).predict(ROWS)
        for answer in answers:
            assert isinstance(answer, dict)
            check(answer, model.schema["outputs"])
        await model.close()

    asyncio.run(case())


def test_the_schema_the_tag_and_the_metadata_travel_with_the_model(bento: Bento, socket: str) -> None:
    async def case() -> None:
        model = await bento.connect(socket)
        assert model.tag == bento.tag
        assert set(model.schema["inputs"]) == set(ROWS[0])
        assert set(model.schema["outputs"]) == {"probability_bad", "reasons"}
        await model.close()
        transport = Http.unix(socket)
        _, body = await transport.post("/schema", b"{}")
        await transport.close()
        for fact in (b'"data_sha256"', b'"code_version"', b'"auc_cv"', b'"training_rows":500'):
            assert fact in body

    asyncio.run(case())


def test_a_bad_record_in_a_burst_fails_alone(bento: Bento, socket: str) -> None:
    async def case() -> None:
        model = await bento.connect(socket)
        rows = [dict(row) for row in ROWS[:64]]
        rows[17]["purpose"] = "A99"
        rows[40]["age"] = float("nan")
        answers = [answer for (answer,) in await asyncio.gather(*(model.predict([row], LONG) for row in rows))]
        failed = {place: each.message for place, each in enumerate(answers) if isinstance(each, RowError)}
        assert failed.keys() == {17, 40}
        assert failed[17].startswith("purpose: unknown code 'A99'")
        assert failed[40].startswith("age: ")
        await model.close()

    asyncio.run(case())


def test_another_model_on_the_socket_is_not_taken_for_the_configured_one(home: Path, bento: Bento, socket: str) -> None:
    other = Bento("credit", BentoSettings(tag=bento.tag, home=str(home)), home)
    other.tag = "credit:other"
    with pytest.raises(ModelUnavailable, match=f"{bento.tag} is served where credit:other was expected"):
        asyncio.run(other.connect(socket))


def test_a_model_that_is_not_running_cannot_be_connected(bento: Bento, folder: Path) -> None:
    with pytest.raises(ModelUnavailable, match="model credit: the model cannot be reached"):
        asyncio.run(bento.connect(str(folder / "nobody.sock")))


def test_a_killed_model_is_unavailable_until_its_successor_is_ready(bento: Bento, folder: Path, start: Start) -> None:
    path = str(folder / "killed.sock")

    async def case() -> None:
        first = await asyncio.to_thread(start, path)
        model = await bento.connect(path)
        before = await model.predict(ROWS[:5], LONG)
        calls = [asyncio.create_task(model.predict([row], LONG)) for row in ROWS[:200]]
        await asyncio.sleep(0)
        first.kill()
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(answer, list | ModelUnavailable)
        await asyncio.to_thread(first.wait)
        with pytest.raises(ModelUnavailable):
            await model.predict(ROWS[:1], LONG)
        await asyncio.to_thread(start, path)
        await recovered(model)
        assert await model.predict(ROWS[:5], LONG) == before
        await model.close()

    asyncio.run(case())


def test_a_stopped_model_times_out_for_all_and_serves_again_when_it_goes_on(
    bento: Bento, folder: Path, start: Start
) -> None:
    path = str(folder / "stopped.sock")

    async def case() -> None:
        process = await asyncio.to_thread(start, path)
        model = await bento.connect(path)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            for _ in range(2):
                calls = (model.predict([row], 0.1) for row in ROWS[:50])
                answers = await asyncio.gather(*calls, return_exceptions=True)
                assert all(isinstance(each, ModelTimeout) for each in answers)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        await recovered(model)
        await model.close()

    asyncio.run(case())


def test_a_stopped_model_can_be_replaced_on_the_same_socket(bento: Bento, folder: Path, start: Start) -> None:
    path = str(folder / "replaced.sock")

    async def case() -> None:
        first = await asyncio.to_thread(start, path)
        model = await bento.connect(path)
        os.kill(first.pid, signal.SIGSTOP)
        with pytest.raises(ModelTimeout):
            await model.predict(ROWS[:1], 0.1)
        second = await asyncio.to_thread(start, path)
        await ready(second, path)
        await recovered(model)
        await model.close()

    asyncio.run(case())


def test_sigterm_lets_the_child_answer_what_it_has_and_end(bento: Bento, folder: Path, start: Start) -> None:
    path = str(folder / "ended.sock")

    async def case() -> None:
        process = await asyncio.to_thread(start, path)
        model = await bento.connect(path)
        process.terminate()
        await asyncio.to_thread(process.wait, LONG)
        with pytest.raises(ModelUnavailable):
            await model.predict(ROWS[:1], LONG)
        await model.close()

    asyncio.run(case())
