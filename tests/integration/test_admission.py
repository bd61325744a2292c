"""Admission is asked before the candidate answers a call whole, and at no other time; each call for itself."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.contract import (
    Answer,
    By,
    Call,
    Denied,
    Failed,
    IncumbentUnreachable,
    Made,
    Raw,
    Relayed,
    Undecodable,
    UnderstudyError,
)
from tests.inprocess import InProcess, running
from tests.integration.test_stages import config, memory, message

NO = Raw(b"no")


def answering(said: By | UnderstudyError, asked: list[str], name: str) -> Callable[[], Awaitable[By]]:
    async def admission() -> By:
        asked.append(name)
        if isinstance(said, UnderstudyError):
            raise said
        return said

    return admission


def call(gateway: InProcess, number: int, said: By | UnderstudyError, asked: list[str]) -> Call:
    made = memory(gateway).call(message(number))
    made.admission = answering(said, asked, made.id)
    return made


SAID: tuple[By | UnderstudyError, ...] = (
    By.CANDIDATE,
    By.INCUMBENT,
    Denied("no", "wrong", NO),
    Undecodable("x"),
    IncumbentUnreachable("gone"),
)


def test_each_call_of_a_batch_is_admitted_denied_or_asked_about_for_itself(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(config("live"), tmp_path, observe=False) as gateway:
            asked: list[str] = []
            calls = [call(gateway, number, said, asked) for number, said in enumerate(SAID)]
            plain = memory(gateway).call(message(9))
            answers = await gateway.dispatch.answer([*calls, plain])
            assert [type(answer) for answer in answers] == [Made, Relayed, Failed, Failed, Failed, Made]
            assert _error(answers[2]) == "Denied" and asked == [one.id for one in calls]
            assert gateway.pipe._terms["loan"]["not_observable:Denied"] == 1

    asyncio.run(main())


def _error(answer: Answer) -> str:
    assert isinstance(answer, Failed)
    return type(answer.error).__name__


@pytest.mark.parametrize(
    ("stage", "base"), [("off", "none"), ("shadow", "none"), ("canary", "none"), ("live", "incumbent")]
)
def test_where_the_incumbent_answers_nobody_is_asked(tmp_path: Path, stage: str, base: str) -> None:
    async def main() -> None:
        async with running(config(stage, base=base), tmp_path, observe=False) as gateway:
            asked: list[str] = []
            [answer] = await gateway.dispatch.answer([call(gateway, 1, SAID[2], asked)])
            assert isinstance(answer, Relayed | Made) and asked == []

    asyncio.run(main())


def test_who_falls_back_to_the_incumbent_is_not_asked_and_what_cannot_be_read_is(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(config("live"), tmp_path, observe=False) as gateway:
            asked: list[str] = []
            unmappable = call(gateway, 1, SAID[2], asked)
            unmappable.raw = Raw(b'{"Amount": 5}')
            [answer] = await gateway.dispatch.answer([unmappable])
            assert isinstance(answer, Relayed) and asked == []
            garbled = memory(gateway).call(message(2))
            garbled.raw = Raw(b"no JSON")
            garbled.admission = answering(SAID[2], asked, "garbled")
            [answer] = await gateway.dispatch.answer([garbled])
            assert (_error(answer), asked) == ("Denied", ["garbled"])

    asyncio.run(main())
