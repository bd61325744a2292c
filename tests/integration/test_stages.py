"""Every stage over the reference adapter: who answers, what is compared, and that the ledger says it all."""

import asyncio
import json
from pathlib import Path

import pytest

from adapters.memory import Memory, Message
from gateway.contract import By, Failed, Made, Relayed, Stage
from gateway.store import holds, queries
from tests.inprocess import InProcess, running

CONFIG = """
store: sqlite:///understudy.db
models:
  scorer: {{type: python, call: "tests.models:{model}"}}
adapters:
  old: {{type: memory, operations: [Score, ScoreBatch], incumbent: "tests.old_system:{incumbent}", timeout: 5s}}
records: {{fields: {{amount: keep, name: hash}}}}
routes:
  loan:
    stage: {stage}
    percent: {percent}
    candidate: scorer
    accept: "{accept}"
    effects: none
    key: id
    {more}
    fields: {{id: {{type: text, trim: true, strip_zeros: true}}, amount: decimal, name: {{type: text, optional: true}}}}
    features: {{amount: }}
    answer:
      base: {base}
      fields:
        decision: {{from: probability_bad, bands: [{{below: 0.5, value: approve}}, {{value: reject}}]}}
        score: {{from: probability_bad, scale: -200, offset: 1000, round: 1}}
      refuse:
        - {{when: {{field: amount, above: 1000000}}, fault: TooMuch, message: "That is too much."}}
    compare: {{score: {{absolute: 5}}}}
    sources:
      old/Score:
        request: {{id: Id, amount: Amount, name: Name}}
        answer: &answer {{decision: {{from: Decision, codes: {{A: approve, R: reject}}}}, score: Score}}
      old/ScoreBatch:
        each: {{records: Applications, answers: Results, key: Batch}}
        request: {{id: Id, amount: Amount, name: Name}}
        answer: *answer
"""


def config(stage: str, percent: float = 0, *, model: str = "by_amount", accept: str = "by_amount:1", more: str = "",
           incumbent: str = "score", base: str = "none") -> str:  # fmt: skip
    return CONFIG.format(
        stage=stage, percent=percent, model=model, accept=accept, more=more, incumbent=incumbent, base=base
    )


def message(number: int, amount: object = None, **more: object) -> Message:
    body = {"Id": f"{number:05}", "Amount": 100 + number if amount is None else amount, "Name": "Ada", **more}
    return Message(f"m{number}", "Score", json.dumps(body).encode())


def memory(gateway: InProcess) -> Memory:
    adapter = gateway.adapters["old"]
    assert isinstance(adapter, Memory)
    return adapter


async def exchange(gateway: InProcess, messages: list[Message]) -> dict[str, object]:
    """Puts the messages and waits until all have been answered; the answers by message id."""
    box = memory(gateway)
    before = len(box.delivered)
    for one in messages:
        box.put(one)
    await gateway.until(lambda: not box.unacknowledged)
    return dict(box.delivered[before:])


async def balanced(gateway: InProcess, seen: int) -> dict[str, int]:
    """The ledger once all that was seen has been decided; it balances at every look until then."""

    def settled() -> bool:
        ledger = queries.ledger(gateway.engine, "loan")
        assert queries.balance(ledger) == 0, ledger
        return ledger.get("seen", 0) == seen and not ledger.get("pending")

    await gateway.until(settled)
    return dict(gateway.ledger("loan"))


def test_off_relays_and_observes_nothing(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("off"), tmp_path) as gateway:
            answers = await exchange(gateway, [message(n) for n in range(20)])
            assert all(isinstance(answer, Relayed) for answer in answers.values())
            assert await balanced(gateway, 20) == {"seen": 20, "not_observable:off": 20}

    asyncio.run(case())


def test_off_with_observe_record_gathers_data_without_a_model(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("off", more="observe: record"), tmp_path) as gateway:
            await exchange(gateway, [message(n) for n in range(5)])
            assert await balanced(gateway, 5) == {"seen": 5, "not_observable:recorded": 5}

    asyncio.run(case())


def test_shadow_answers_with_the_incumbents_bytes_and_compares_every_call(tmp_path: Path) -> None:
    async def case() -> None:
        from tests.old_system import score

        async with running(config("shadow"), tmp_path) as gateway:
            messages = [message(n) for n in range(300)]
            answers = await exchange(gateway, messages)
            for one in messages:
                answer = answers[one.id]
                assert isinstance(answer, Relayed) and answer.raw.body == await score(one.body)
            assert await balanced(gateway, 300) == {"seen": 300, "compared": 300}
            agreement = queries.agreement(gateway.engine, "loan")
            assert agreement.compared == 300
            assert agreement.agreed == 300

    asyncio.run(case())


@pytest.mark.parametrize("model", ["not_a_number", "raising"])
def test_a_failing_candidate_is_invisible_in_shadow_and_booked_as_failed(tmp_path: Path, model: str) -> None:
    async def case() -> None:
        async with running(config("shadow", model=model), tmp_path) as gateway:
            answers = await exchange(gateway, [message(n) for n in range(30)])
            assert all(isinstance(answer, Relayed) for answer in answers.values())
            assert await balanced(gateway, 30) == {"seen": 30, "failed": 30}

    asyncio.run(case())


def test_canary_is_sticky_and_nested_over_percentages(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("canary", 10), tmp_path) as gateway:
            moved: set[str] = set()
            for percent in (10, 25, 60):
                gateway.reload(config("canary", percent))
                answers = await exchange(gateway, [message(n) for n in range(200)])
                made = {id for id, answer in answers.items() if isinstance(answer, Made)}
                assert moved < made, "raising the percentage moves nobody back"
                moved = made
            assert 80 < len(moved) < 160
            await balanced(gateway, 600)

    asyncio.run(case())


def test_the_same_customer_is_in_the_same_cohort_however_it_is_spelt(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("canary", 50), tmp_path) as gateway:
            for number in range(1, 40):
                spellings = [f"{number}", f"{number:08}", f" {number}  "]
                messages = [message(number * 10 + at, Id=spelt) for at, spelt in enumerate(spellings)]
                answers = await exchange(gateway, messages)
                assert len({type(answer) for answer in answers.values()}) == 1

    asyncio.run(case())


def test_live_answers_in_the_callers_format_and_refuses_with_the_declared_fault(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("live"), tmp_path) as gateway:
            answers = await exchange(gateway, [message(1, 400), message(2, 2000000)])
            good, refused = answers["m1"], answers["m2"]
            assert isinstance(good, Made) and json.loads(good.raw.body) == {"Decision": "A", "Score": 960}
            assert good.model == "by_amount:1"
            assert isinstance(refused, Made) and json.loads(refused.raw.body)["fault"] == "TooMuch"
            assert await balanced(gateway, 2) == {"seen": 2, "sampled_out": 2}

    asyncio.run(case())


def test_live_compares_the_incumbent_at_the_configured_rate(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("live", more="observe_incumbent: 1.0"), tmp_path) as gateway:
            answers = await exchange(gateway, [message(n) for n in range(50)])
            assert all(isinstance(answer, Made) for answer in answers.values())
            assert await balanced(gateway, 50) == {"seen": 50, "compared": 50}

    asyncio.run(case())


@pytest.mark.parametrize("model", ["not_a_number", "raising"])
def test_live_falls_back_to_the_incumbent_when_the_candidate_fails(tmp_path: Path, model: str) -> None:
    async def case() -> None:
        tag = {"not_a_number": "nan:1", "raising": "raising:1"}[model]
        async with running(config("live", model=model, accept=tag), tmp_path) as gateway:
            answers = await exchange(gateway, [message(n) for n in range(30)])
            assert all(isinstance(answer, Relayed) for answer in answers.values())
            assert await balanced(gateway, 30) == {"seen": 30, "failed": 30}

    asyncio.run(case())


def test_live_says_what_cannot_be_read_and_never_asks_anybody(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("live"), tmp_path) as gateway:
            answers = await exchange(gateway, [Message("m1", "Score", b"{nonsense")])
            assert isinstance(answers["m1"], Failed) and "not JSON" in str(answers["m1"].error)
            assert await balanced(gateway, 1) == {"seen": 1, "not_observable:Undecodable": 1}

    asyncio.run(case())


def test_a_missing_field_goes_to_the_incumbent_and_is_counted(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("live"), tmp_path) as gateway:
            box = memory(gateway)
            box.put(Message("m1", "Score", b'{"Amount": 1}'))
            await gateway.until(lambda: not box.unacknowledged)
            assert isinstance(box.delivered[0][1], Relayed)
            assert await balanced(gateway, 1) == {"seen": 1, "failed": 1}

    asyncio.run(case())


def test_a_model_whose_tag_is_not_accepted_stays_in_the_shadow(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("live", accept="by_amount:0"), tmp_path) as gateway:
            answers = await exchange(gateway, [message(n) for n in range(10)])
            assert all(isinstance(answer, Relayed) for answer in answers.values())
            assert await balanced(gateway, 10) == {"seen": 10, "compared": 10}

    asyncio.run(case())


def test_a_hold_takes_effect_at_once_and_ends_only_by_resume(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("live"), tmp_path) as gateway:
            holds.hold(gateway.engine, "loan", "complaints", "ada")
            gateway.look_at_caps()
            answers = await exchange(gateway, [message(n) for n in range(5)])
            assert all(isinstance(answer, Relayed) for answer in answers.values())
            decision = gateway.dispatch.decide("old", "Score", "1")
            assert decision and (decision.by, decision.stage) == (By.INCUMBENT, Stage.SHADOW)
            holds.resume(gateway.engine, "loan", "ada", "explained")
            gateway.look_at_caps()
            answers = await exchange(gateway, [message(n) for n in range(5, 10)])
            assert all(isinstance(answer, Made) for answer in answers.values())

    asyncio.run(case())


def test_base_incumbent_replaces_only_its_fields_and_relays_when_the_candidate_fails(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("live", base="incumbent"), tmp_path) as gateway:
            answers = await exchange(gateway, [message(1, 900), message(2, -1), message(3, 1200)])
            changed = answers["m3"]
            assert isinstance(changed, Made)
            assert json.loads(changed.raw.body) == {"Decision": "R", "Score": 880, "Clerk": " 07 "}
            assert isinstance(answers["m2"], Relayed), "one that cannot be scored goes out as the incumbent said it"
            assert await balanced(gateway, 3) == {"seen": 3, "compared": 2, "failed": 1}

    asyncio.run(case())


def test_a_segment_is_kept_with_the_incumbent(tmp_path: Path) -> None:
    async def case() -> None:
        kept = "keep_incumbent: [{field: amount, above: 500}]"
        async with running(config("live", more=kept), tmp_path) as gateway:
            answers = await exchange(gateway, [message(1, 400), message(2, 600)])
            assert isinstance(answers["m1"], Made) and isinstance(answers["m2"], Relayed)

    asyncio.run(case())


def batch(number: int, amounts: list[object]) -> Message:
    records = [{"Id": f"{number}-{at}", "Amount": amount} for at, amount in enumerate(amounts)]
    return Message(f"b{number}", "ScoreBatch", json.dumps({"Batch": f"{number}", "Applications": records}).encode())


def test_a_message_of_many_records_is_answered_whole_and_compared_record_by_record(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("shadow"), tmp_path) as gateway:
            await exchange(gateway, [batch(1, [100, 200, 300]), batch(2, [50])])
            assert await balanced(gateway, 2) == {"seen": 2, "compared": 2}
            assert queries.agreement(gateway.engine, "loan").compared == 4
            gateway.reload(config("live"))
            answers = await exchange(gateway, [batch(3, [100, 200, 300]), batch(4, [100, -1])])
            whole, mixed = answers["b3"], answers["b4"]
            assert isinstance(whole, Made) and len(json.loads(whole.raw.body)["Results"]) == 3
            assert isinstance(mixed, Relayed), "one record that cannot be scored sends the message to the incumbent"

    asyncio.run(case())


def test_a_technical_answer_is_relayed_and_kept_out_of_agreement(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("shadow"), tmp_path) as gateway:
            answers = await exchange(gateway, [message(1, Technical=True)])
            assert isinstance(answers["m1"], Relayed) and answers["m1"].raw.body == b'{ "error":"E99" }'
            assert await balanced(gateway, 1) == {"seen": 1, "not_observable:technical": 1}

    asyncio.run(case())


def test_a_redelivered_message_is_answered_again_and_recorded_once(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("shadow"), tmp_path) as gateway:
            box = memory(gateway)
            lost = {"m1"}
            box.fail_delivery = lambda one: one.id in lost and bool(lost.pop())
            await exchange(gateway, [message(1), message(2)])
            ledger = await balanced(gateway, 3)
            assert ledger == {"seen": 3, "compared": 3, "duplicate": 1}
            assert queries.agreement(gateway.engine, "loan").compared == 2

    asyncio.run(case())


def test_an_unreachable_incumbent_leaves_the_message_queued(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("shadow", incumbent="gone"), tmp_path) as gateway:
            box = memory(gateway)
            box.put(message(1))
            await gateway.until(lambda: gateway.ledger("loan")["not_observable:IncumbentUnreachable"] > 2)
            assert box.unacknowledged == ["m1"] and not box.delivered

    asyncio.run(case())
