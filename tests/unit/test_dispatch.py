"""The bounds of an answer: who is asked, for how long, how many at once, and what the observer is shown."""

import asyncio
import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.memory import JsonCodec
from gateway.burials import Burials
from gateway.contract import (
    Answer,
    By,
    Call,
    ConfigError,
    Failed,
    IncumbentFailed,
    IncumbentTimeout,
    IncumbentUnreachable,
    Made,
    ModelTimeout,
    Raw,
    Relayed,
    Stage,
    Undecodable,
)
from gateway.cutover import Caps
from gateway.dispatch import Dispatch
from gateway.kept import Kept
from gateway.once import Once
from gateway.pipe import Sighting
from gateway.store.engine import connect
from gateway.telemetry import Meters
from tests.integration.test_stages import config
from tests.old_system import score
from tests.parts import Old, Scorer, Source, compiled, linked, until
from tests.unit.test_pipe import Seen, piped

ACCEPT = "scorer:1"
Ask = Callable[[Call, float], Awaitable[Raw]]


async def relayed(call: Call, timeout: float) -> Raw:
    return Raw(await score(call.raw.body), "application/json", 200)


class Bench:
    """A dispatch with everything it needs, and what came out at the pipe's other end."""

    def __init__(self, dispatch: Dispatch, scorer: Scorer, old: Old, seen: Seen) -> None:
        self.dispatch, self.scorer, self.old = dispatch, scorer, old
        self._seen = seen

    async def ledger(self) -> Counter[str]:
        """Terms of what was counted, and `shown` for what the observer was shown; nothing comes after."""
        await self.dispatch.finish()
        await self._seen.all_told()
        return +Counter(dict(self._seen.counts[-1].terms.get("loan", {})) | {"shown": len(self._seen.sightings)})

    @property
    def sightings(self) -> Sequence[Sighting]:
        return [one for _, one in self._seen.sightings]


@asynccontextmanager
async def bench(
    folder: Path, stage: str = "live", percent: float = 0, *, ask: Ask = relayed, more: str = "", base: str = "none",
    incumbent: bool = True, scorer: Scorer | None = None,
) -> AsyncIterator[Bench]:  # fmt: skip
    scorer, old = scorer or Scorer(), Old(ask)
    text = config(stage, percent, accept=ACCEPT, more=more, base=base)
    table = compiled(text, folder, Source(old if incumbent else None), await linked(scorer))
    store = connect("sqlite:///understudy.db", folder)
    async with piped() as (pipe, seen, _):
        dispatch = Dispatch(table, pipe, Meters(), Once(store), Kept(store), Burials(store))
        dispatch.caps = Caps(known=True)
        yield Bench(dispatch, scorer, old, seen)
        await dispatch.finish()


def call(
    number: int, amount: Any = 500, *, timeout: float = 5, operation: str = "Score", body: bytes | None = None
) -> Call:
    written = json.dumps({"Id": str(number), "Amount": amount}).encode() if body is None else body
    return Call("old", operation, Raw(written, "application/json"), JsonCodec(), timeout=timeout, id=f"c{number}")


def run(case: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(case(), 30))


def kinds(answers: Sequence[Answer]) -> list[str]:
    return [type(answer).__name__ for answer in answers]


def test_a_batch_of_mixed_decisions_keeps_its_order(tmp_path: Path) -> None:
    """Answered, refused, kept, not to be scored or read, without a route, of another operation: each its own."""
    batch = json.dumps({"Batch": "7", "Applications": [{"Id": "7", "Amount": 100}]}).encode()

    async def case() -> None:
        async with bench(tmp_path, more="keep_incumbent: [{field: amount, above: 5000}]") as one:
            calls = [
                call(1), call(2, 2_000_000), call(3, 6000), call(4, -1), call(5, body=b"{"), call(6, operation="Other"),
                call(7, body=batch, operation="ScoreBatch"), call(8, 700),
            ]  # fmt: skip
            answers = await one.dispatch.answer(calls)
            assert kinds(answers) == ["Made", "Relayed", "Relayed", "Relayed", "Failed", "Failed", "Made", "Made"]
            first, last = answers[0], answers[-1]
            assert isinstance(first, Made) and json.loads(first.raw.body)["Score"] == 950
            assert isinstance(last, Made) and json.loads(last.raw.body)["Score"] == 930
            assert sorted(one.old.asked) == ["c2", "c3", "c4"]

    run(case)


def test_in_canary_a_batch_is_split_by_its_keys(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path, "canary", 50) as one:
            calls = [call(number) for number in range(60)]
            answers = await one.dispatch.answer(calls)
            for each, answer in zip(calls, answers, strict=True):
                decision = one.dispatch.decide("old", "Score", each.payload["Id"].lstrip("0") or "0")
                assert decision and isinstance(answer, Made) is (decision.by is By.CANDIDATE)
            assert {"Made", "Relayed"} == set(kinds(answers))
            assert one.scorer.asked == [kinds(answers).count("Made")], "the candidate's are asked together"

    run(case)


def test_an_operation_without_a_route_is_told_apart_and_answered_by_nobody(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path) as one:
            assert one.dispatch.decide("old", "Other", "1") is None
            answers = await one.dispatch.answer([call(1, operation="Other")])
            [answer] = answers
            assert isinstance(answer, Failed) and isinstance(answer.error, IncumbentUnreachable)
            assert one.old.asked == [] and one.scorer.asked == []

    run(case)


def test_a_key_that_no_encoding_knows_is_answered_like_any_other(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path, "canary", 100) as one:
            [answer] = await one.dispatch.answer([call(1, body=b'{"Id": "\\ud800", "Amount": 500}')])
            assert isinstance(answer, Made)

    run(case)


def test_no_more_calls_are_with_the_candidate_than_configured(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path, more="concurrency: 3") as one:
            one.scorer.gate.clear()
            held = [asyncio.create_task(one.dispatch.answer([call(number)])) for number in range(3)]
            await until(lambda: len(one.scorer.asked) == 3)
            [answer] = await one.dispatch.answer([call(4)])
            assert isinstance(answer, Relayed) and len(one.scorer.asked) == 3
            one.scorer.gate.set()
            assert kinds([answer for task in held for answer in await task]) == ["Made"] * 3
            assert kinds(await one.dispatch.answer([call(5)])) == ["Made"], "and the places are given back"

    run(case)


def test_the_places_are_given_back_after_failures_too(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path, more="concurrency: 1\n    reserve: 30ms") as one:
            one.scorer.gate.clear()
            assert kinds(await one.dispatch.answer([call(1, timeout=0.06)])) == ["Relayed"]
            one.scorer.gate.set()
            assert kinds(await one.dispatch.answer([call(2)])) == ["Made"]

    run(case)


def test_no_more_calls_fall_back_at_once_than_legacy_can_take(tmp_path: Path) -> None:
    async def case() -> None:
        open_up = asyncio.Event()

        async def slow(call: Call, timeout: float) -> Raw:
            await open_up.wait()
            return await relayed(call, timeout)

        async with bench(tmp_path, more="fallback: 2", ask=slow) as one:
            held = asyncio.create_task(one.dispatch.answer([call(number, -1) for number in range(5)]))
            await until(lambda: len(one.old.asked) == 2)
            assert kinds(await one.dispatch.answer([call(9, -1)])) == ["Failed"]
            open_up.set()
            answers = await held
            assert Counter(kinds(answers)) == {"Relayed": 2, "Failed": 3}
            assert len(one.old.asked) == 2
            assert kinds(await one.dispatch.answer([call(10, -1)])) == ["Relayed"], "and the places are given back"

    run(case)


def test_the_candidate_gets_the_deadline_less_the_reserve_and_the_incumbent_what_is_left(tmp_path: Path) -> None:
    async def case() -> None:
        given: list[float] = []

        async def noting(call: Call, timeout: float) -> Raw:
            given.append(timeout)
            return await relayed(call, timeout)

        async with bench(tmp_path, more="reserve: 300ms", ask=noting) as one:
            one.scorer.gate.clear()
            begun = call(1, timeout=0.4)
            [answer] = await one.dispatch.answer([begun])
            assert isinstance(answer, Relayed)
            # The reserve is half at most, so the candidate had 200 ms of the 400 and the incumbent gets the rest.
            assert 0 < given[0] <= 0.2

    run(case)


def test_a_call_whose_time_is_over_costs_the_others_of_its_batch_nothing(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path) as one:
            answers = await one.dispatch.answer([call(1, timeout=-1), call(2)])
            assert kinds(answers)[1] == "Made"
            assert one.scorer.asked == [1]

    run(case)


def test_while_the_breaker_is_open_the_incumbent_answers_at_once(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path, more="reserve: 100ms") as one:
            one.scorer.gate.clear()
            for number in range(5):
                await one.dispatch.answer([call(number, timeout=0.02)])
            asked = len(one.scorer.asked)
            assert asked == 5
            answers = await one.dispatch.answer([call(9, timeout=1000)])
            assert kinds(answers) == ["Relayed"] and len(one.scorer.asked) == asked

    run(case)


def test_what_cannot_be_read_is_the_callers_error_and_nobody_is_asked(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path) as one:
            [answer] = await one.dispatch.answer([call(1, body=b"\xff")])
            assert isinstance(answer, Failed) and isinstance(answer.error, Undecodable)
            assert one.old.asked == []
            assert await one.ledger() == {"not_observable:Undecodable": 1}

    run(case)


@pytest.mark.parametrize("stage", ["off", "shadow"])
def test_where_the_incumbent_answers_nothing_is_decoded_nor_cut_short(tmp_path: Path, stage: str) -> None:
    async def case() -> None:
        given: list[float] = []

        async def echo(call: Call, timeout: float) -> Raw:
            given.append(timeout)
            return Raw(b"\x00whatever", "odd/type", 299)

        async with bench(tmp_path, stage, ask=echo) as one:
            [answer] = await one.dispatch.answer([call(1, body=b"\xff")])
            assert isinstance(answer, Relayed) and answer.raw == Raw(b"\x00whatever", "odd/type", 299)
            assert given == [math.inf], "the incumbent's own timeout is the only one"

    run(case)


@pytest.mark.parametrize("error", [IncumbentUnreachable("gone"), IncumbentTimeout("late")])
def test_a_failing_incumbent_is_a_failure_and_is_asked_once(tmp_path: Path, error: IncumbentFailed) -> None:
    async def case() -> None:
        async def failing(call: Call, timeout: float) -> Raw:
            raise error

        async with bench(tmp_path, "shadow", ask=failing) as one:
            [answer] = await one.dispatch.answer([call(1)])
            assert isinstance(answer, Failed) and answer.error is error
            assert one.old.asked == ["c1"]
            assert await one.ledger() == {f"not_observable:{type(error).__name__}": 1}

    run(case)


def test_a_failing_incumbent_does_not_shorten_the_reserve(tmp_path: Path) -> None:
    """That nobody is there is found out in no time; what is kept for an answer must not shrink to that."""

    async def case() -> None:
        async def gone(call: Call, timeout: float) -> Raw:
            raise IncumbentUnreachable("gone")

        async with bench(tmp_path, "shadow", ask=gone) as one:
            for number in range(100):
                await one.dispatch.answer([call(number)])
            bound = one.dispatch.table.find("old", "Score")
            assert bound and one.dispatch._load(bound).reserve(10, None) == 5

    run(case)


def test_without_an_incumbent_the_candidate_s_own_error_is_the_answer(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path, incumbent=False) as one:
            one.scorer.gate.clear()
            [answer] = await one.dispatch.answer([call(1, timeout=0.05)])
            assert isinstance(answer, Failed) and isinstance(answer.error, ModelTimeout)

    run(case)


def test_without_an_incumbent_a_hold_changes_nothing_but_an_unaccepted_model_answers_nobody(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path, incumbent=False) as one:
            one.dispatch.caps = Caps()
            assert kinds(await one.dispatch.answer([call(1)])) == ["Made"]
        async with bench(tmp_path, incumbent=False, scorer=Scorer(tag="scorer:2")) as one:
            assert kinds(await one.dispatch.answer([call(1)])) == ["Failed"] and one.scorer.asked == []

    run(case)


def test_a_source_that_may_not_leave_shadow_needs_an_incumbent(tmp_path: Path) -> None:
    async def case() -> None:
        link = await linked(Scorer())
        text = config("live", accept=ACCEPT)
        with pytest.raises(ConfigError, match="may not go above shadow and has no incumbent"):
            compiled(text, tmp_path, Source(None, Stage.SHADOW), link)
        table = compiled(text, tmp_path, Source(Old(relayed), Stage.SHADOW), link)
        assert table.bound["old", "Score"].stage(Caps(known=True)) is Stage.SHADOW

    run(case)


def test_with_base_incumbent_legacy_is_always_asked_and_its_reply_stands_when_the_candidate_fails(
    tmp_path: Path,
) -> None:
    async def case() -> None:
        async with bench(tmp_path, base="incumbent") as one:
            answers = await one.dispatch.answer([call(1, 900), call(2, -1), call(3, body=b'{"Amount": 5}')])
            assert kinds(answers) == ["Made", "Relayed", "Relayed"]
            assert sorted(one.old.asked) == ["c1", "c2", "c3"]
            kept = answers[1]
            assert isinstance(kept, Relayed) and kept.raw.body == await score(call(2, -1).raw.body)

    run(case)


async def _rest() -> AsyncIterator[bytes]:
    yield b"more"


def test_an_answer_too_large_to_be_read_is_relayed_and_counted_in_every_stage(tmp_path: Path) -> None:
    async def large(call: Call, timeout: float) -> Raw:
        return Raw(b"beginning", "application/json", 200, (), _rest())

    async def case() -> None:
        async with bench(tmp_path, "shadow", ask=large) as one:
            [answer] = await one.dispatch.answer([call(1)])
            assert isinstance(answer, Relayed) and answer.raw.rest is not None
            assert await one.ledger() == {"not_observable:too_large": 1}
        async with bench(tmp_path, more="observe_incumbent: 1.0", ask=large) as one:
            assert kinds(await one.dispatch.answer([call(1)])) == ["Made"]
            assert await one.ledger() == {"not_observable:too_large": 1}
        async with bench(tmp_path, base="incumbent", ask=large) as one:
            assert kinds(await one.dispatch.answer([call(1)])) == ["Relayed"]

    run(case)


@pytest.mark.parametrize(
    ("stage", "more", "shown", "term"),
    [
        ("off", "", 0, "not_observable:off"),
        ("off", "observe: record", 4, None),
        ("shadow", "", 4, None),
        ("shadow", "observe: none", 0, "not_observable:disabled"),
        ("shadow", "sample: 0.0", 0, "sampled_out"),
        ("live", "", 4, None),
        ("live", "observe: none", 0, "not_observable:disabled"),
        ("live", "sample: 0.0", 4, None),
    ],
)
def test_the_observer_is_shown_what_is_configured_and_the_rest_is_counted(
    tmp_path: Path, stage: str, more: str, shown: int, term: str | None
) -> None:
    async def case() -> None:
        async with bench(tmp_path, stage, more=more) as one:
            await one.dispatch.answer([call(number) for number in range(4)])
            assert await one.ledger() == Counter({"shown": shown} | ({term: 4 - shown} if term else {})) - Counter()

    run(case)


@pytest.mark.parametrize(
    ("stage", "more", "term"),
    [("off", "", "not_observable:off"), ("shadow", "observe: none", "not_observable:disabled"),
     ("shadow", "sample: 0.0", "sampled_out"), ("shadow", "", None), ("off", "observe: record", None)],
)  # fmt: skip
def test_a_witnessed_call_is_shown_or_counted_by_the_same_rules_and_counted_once(
    tmp_path: Path, stage: str, more: str, term: str | None
) -> None:
    async def case() -> None:
        async with bench(tmp_path, stage, more=more) as one:
            await one.dispatch.witness(call(1), None)
            await one.dispatch.witness(call(1), Relayed(Raw(b"{}", "application/json", 200)))
            await one.dispatch.witness(call(2, operation="Other"), None)
            assert await one.ledger() == ({term: 1} if term else {"shown": 2})
            assert [sighting.kind for sighting in one.sightings] == ([] if term else ["opened", "answered"])

    run(case)


def test_a_sample_of_witnessed_calls_takes_the_answer_with_its_call(tmp_path: Path) -> None:
    async def case() -> None:
        async with bench(tmp_path, "shadow", more="sample: 0.5") as one:
            for number in range(100):
                await one.dispatch.witness(call(number), None)
                await one.dispatch.witness(call(number), Relayed(Raw(b"{}", "application/json", 200)))
            ledger = await one.ledger()
            opened = [sighting.call_id for sighting in one.sightings if sighting.kind == "opened"]
            assert ledger == {"shown": 2 * len(opened), "sampled_out": 100 - len(opened)}
            assert opened == [sighting.call_id for sighting in one.sightings if sighting.kind == "answered"]
            assert 20 < len(opened) < 80

    run(case)


def test_a_call_keeps_the_table_it_came_with(tmp_path: Path) -> None:
    """A reload while the candidate thinks changes neither the stage nor the rules nor the version of the call."""

    async def case() -> None:
        async with bench(tmp_path) as one:
            one.scorer.gate.clear()
            answering = asyncio.create_task(one.dispatch.answer([call(1)]))
            await until(lambda: one.scorer.asked == [1])
            before = one.dispatch.table
            bound = before.find("old", "Score")
            assert bound and bound.candidate
            text = config("shadow", accept=ACCEPT).replace("offset: 1000", "offset: 5000")
            one.dispatch.table = compiled(text, tmp_path, Source(one.old), bound.candidate.link)
            one.scorer.gate.set()
            [answer] = await answering
            assert isinstance(answer, Made) and json.loads(answer.raw.body)["Score"] == 950
            await until(lambda: bool(one.sightings))
            assert (one.sightings[0].version, one.sightings[0].stage) == (before.version, "live")
            assert kinds(await one.dispatch.answer([call(2)])) == ["Relayed"]

    run(case)


def test_finish_waits_for_the_incumbents_that_are_asked_after_the_answer(tmp_path: Path) -> None:
    async def case() -> None:
        open_up = asyncio.Event()

        async def slow(call: Call, timeout: float) -> Raw:
            await open_up.wait()
            return await relayed(call, timeout)

        async with bench(tmp_path, more="observe_incumbent: 1.0", ask=slow) as one:
            answers = await one.dispatch.answer([call(number) for number in range(3)])
            assert kinds(answers) == ["Made"] * 3, "nobody waits for the incumbent"
            finishing = asyncio.create_task(one.dispatch.finish())
            await until(lambda: len(one.old.asked) == 3)
            assert not finishing.done()
            open_up.set()
            await finishing
            assert await one.ledger() == {"shown": 3}
            assert all(sighting.incumbent and sighting.candidate for sighting in one.sightings)

    run(case)


def test_each_answer_is_told_when_it_is_there_and_a_slow_one_keeps_no_other_waiting(tmp_path: Path) -> None:
    async def case() -> None:
        gate = asyncio.Event()

        async def slow(call: Call, timeout: float) -> Raw:
            await gate.wait()
            return await relayed(call, timeout)

        async with bench(tmp_path, "live", ask=slow) as b:
            told: dict[str, Answer] = {}
            calls = [call(0, -1), *(call(number) for number in range(1, 4))]  # the first one cannot be scored
            answering = asyncio.create_task(
                b.dispatch.answer(calls, lambda call, answer: told.update({call.id: answer}))
            )
            await until(lambda: len(told) == 3)
            assert [type(answer) for answer in told.values()] == [Made] * 3 and "c0" not in told
            gate.set()
            assert await answering == [told[call.id] for call in calls]

    asyncio.run(case())


def test_whom_the_incumbent_is_asked_about_after_the_answer_is_marked_as_answered(tmp_path: Path) -> None:
    async def case() -> None:
        marked: list[bool] = []

        async def noting(call: Call, timeout: float) -> Raw:
            marked.append(call.answered)
            return await relayed(call, timeout)

        async with bench(tmp_path, "live", ask=noting, more="observe_incumbent: 1.0") as b:
            await b.dispatch.answer([call(1), call(2, -1)])
            await b.dispatch.finish()
            assert sorted(marked) == [False, True], "a fallback is no observation"

    asyncio.run(case())
