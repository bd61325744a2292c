"""Guards and plans over the reference adapter: a bad model is taken back, a good one goes up."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.contract import By, ConfigError, Stage
from gateway.cutover import in_cohort
from gateway.lookout import Lookout
from gateway.store import audit, holds, plans, waivers
from gateway.telemetry import Meters
from tests.inprocess import InProcess, running
from tests.integration.test_stages import balanced, config, exchange, message

GUARD = "guard: {disagreement: 0.05, errors: {share: 0.01}}"
PLAN = "plan: {steps: [{percent: 10, require: {guard: undecided, keys: 20}}, {percent: 50, gate: manual}]}"


def bad(text: str) -> str:
    """The same with a model that always says the opposite."""
    return text.replace(
        "{below: 0.5, value: approve}, {value: reject}", "{below: 0.5, value: reject}, {value: approve}"
    )


async def look(gateway: InProcess, replicas: int = 1) -> None:
    """One look of so many replicas, and what a worker does half a second later."""
    for _ in range(replicas):
        await asyncio.to_thread(Lookout(gateway.engine, Meters()).look, gateway.dispatch.table)
    gateway.look_at_caps()


def test_a_bad_model_at_25_percent_is_held_by_its_guard_and_stays_so_until_resumed(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(bad(config("canary", 25, more=GUARD)), tmp_path) as gateway:
            await exchange(gateway, [message(n) for n in range(100)])
            await balanced(gateway, 100)
            await look(gateway, replicas=3)
            [hold] = holds.holds(gateway.engine)
            assert (hold.scope, hold.kind, hold.who) == ("loan", "guard", "guard")
            assert hold.reason.startswith("disagreement: 100 % over ") and "above the limit of 5 %" in hold.reason
            assert [entry.event.action for entry in audit.entries(gateway.engine, "loan")] == ["hold"]
            inside = next(str(n) for n in range(1000) if in_cohort("loan", str(n), Decimal(25)))
            decision = gateway.dispatch.decide("old", "Score", inside)
            assert decision and (decision.by, decision.stage) == (By.INCUMBENT, Stage.SHADOW)
            holds.resume(gateway.engine, "loan", "ada", "another model")
            await look(gateway)
            assert not holds.holds(gateway.engine), "what was seen before the resume counts no more"
            decision = gateway.dispatch.decide("old", "Score", inside)
            assert decision and decision.by is By.CANDIDATE

    asyncio.run(case())


def test_in_shadow_there_is_nothing_to_take_back(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(bad(config("shadow", more=GUARD)), tmp_path) as gateway:
            await exchange(gateway, [message(n) for n in range(60)])
            await balanced(gateway, 60)
            await look(gateway)
            assert not holds.holds(gateway.engine)

    asyncio.run(case())


def test_a_candidate_that_fails_is_held_by_its_error_budget(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(config("canary", 100, model="raising", accept="raising:1", more=GUARD), tmp_path) as gateway:
            await exchange(gateway, [message(n) for n in range(40)])
            await balanced(gateway, 40)
            await look(gateway)
            [hold] = holds.holds(gateway.engine)
            assert hold.reason == "errors: 40 of 40 calls failed in 300 s, 40 of 40 in 3600 s, over 0.05"

    asyncio.run(case())


def test_a_waived_condition_holds_nobody_until_its_waiver_ends(tmp_path: Path) -> None:
    async def case() -> None:
        async with running(bad(config("canary", 25, more=GUARD)), tmp_path) as gateway:
            until = datetime.now(UTC) + timedelta(hours=1)
            waivers.waive(gateway.engine, "loan", "disagreement", until, "ada", "a known defect")
            await exchange(gateway, [message(n) for n in range(100)])
            await balanced(gateway, 100)
            await look(gateway, replicas=2)
            assert not holds.holds(gateway.engine)
            waivers.end(gateway.engine, "loan", "disagreement", "ada", "mended")
            await look(gateway, replicas=2)
            [hold] = holds.holds(gateway.engine)
            assert hold.reason.startswith("disagreement: 100 % over ")

    asyncio.run(case())


def test_what_was_noticed_counts_from_the_epochs_first_call_on_and_not_from_the_guards_first_look(
    tmp_path: Path,
) -> None:
    """Given three before the first call, when two come after it, two count; when a third comes, the route is held."""

    async def case() -> None:
        guard = 'guard: {counters: {"noticed:overwritten": 2}}'
        async with running(config("canary", 100, more=guard), tmp_path) as gateway:

            async def notice(times: int, so_far: int) -> None:
                for _ in range(times):
                    gateway.dispatch.noticed("old", "Score", "overwritten")
                await gateway.until(lambda: gateway.ledger("loan").get("noticed:overwritten") == so_far)

            await notice(3, 3)
            await exchange(gateway, [message(n) for n in range(10)])
            await balanced(gateway, 10)
            await notice(2, 5)
            await look(gateway)
            assert not holds.holds(gateway.engine)
            await notice(1, 6)
            await look(gateway)
            [hold] = holds.holds(gateway.engine)
            assert hold.reason == "noticed:overwritten: counted 3 times, limit 2"

    asyncio.run(case())


@pytest.mark.parametrize(
    ("step", "reached", "says"),
    [(1, 0, "hold: drift: amount is "), (20, 1, "undecided: nothing was compared in this step yet")],
    ids=["elsewhere", "as in training"],
)
def test_a_plan_waits_while_inputs_are_spread_otherwise_than_in_training(
    tmp_path: Path, step: int, reached: int, says: str
) -> None:
    """Given a model trained on amounts of 10 to 2,000, when customers ask for 100 to 200, then nobody is taken back,
    and nobody goes up."""

    async def case() -> None:
        more = "guard: {drift: 0.25}\n    plan: {steps: [{percent: 10}, {percent: 50}]}"
        async with running(config("canary", 100, model="with_a_card", more=more), tmp_path) as gateway:
            await look(gateway)
            await look(gateway)
            assert plans.progress(gateway.engine)["loan"].position.step == 0
            await exchange(gateway, [message(n, 100 + n if step == 1 else step * n) for n in range(100)])
            await balanced(gateway, 100)
            await look(gateway)
            await look(gateway)
            progress = plans.progress(gateway.engine)["loan"]
            assert not holds.holds(gateway.engine)
            assert progress.position.step == reached
            assert f"the guard says {says}" in progress.waits

    asyncio.run(case())


@pytest.mark.parametrize(
    ("guard", "fields", "problem"),
    [
        ("drift: 0.25", "amount: hash", "drift: records keep no field of the requests as it is"),
        ("decisions: {score: 0.1}", "amount: keep, score: hash", "decisions.score: records do not keep 'score' as it"),
        ("decisions: {score: 0.1}", "amount: keep", "decisions.score: records do not keep 'score' as it is"),
    ],
)
def test_a_guard_of_drift_or_decisions_needs_a_field_that_records_keep(
    guard: str, fields: str, problem: str, tmp_path: Path
) -> None:
    async def case() -> None:
        text = config("shadow", model="with_a_card", more=f"guard: {{{guard}}}")
        assert "amount: keep" in text
        async with running(text.replace("amount: keep", fields), tmp_path):
            raise AssertionError("it was served")

    with pytest.raises(ConfigError, match=rf"^understudy.yaml line \d+: routes.loan.guard.{problem}"):
        asyncio.run(case())


def test_a_guard_of_decisions_is_served_where_records_keep_the_field(tmp_path: Path) -> None:
    async def case() -> None:
        text = config("shadow", more="guard: {decisions: {score: 0.1}}")
        async with running(text.replace("amount: keep", "score: keep"), tmp_path):
            pass

    asyncio.run(case())


def test_a_route_goes_up_its_plan_and_back_a_step_after_a_hold(tmp_path: Path) -> None:
    async def case() -> None:
        more = f"{GUARD}\n    {PLAN}"
        async with running(config("canary", 80, more=more), tmp_path) as gateway:
            gateway.look_at_caps()

            def level() -> str:
                return gateway.dispatch.table.bound["old", "Score"].step(gateway.dispatch.caps)

            assert level() == "shadow 0", "before its first step"
            for _ in range(2):
                await look(gateway)
            assert level() == "canary 10"
            await look(gateway)
            assert plans.progress(gateway.engine)["loan"].waits == "0 of 20 keys were compared"
            await gateway.until(lambda: gateway.observer and gateway.observer.caps == gateway.dispatch.caps)
            await exchange(gateway, [message(n) for n in range(50)])
            await balanced(gateway, 50)
            await look(gateway)
            assert level() == "canary 50"
            plans.approve(gateway.engine, "loan", 1, "ada", "fine")
            holds.hold(gateway.engine, "loan", "complaints", "ada")
            await look(gateway)
            assert plans.progress(gateway.engine)["loan"].position.step == 1, "approved, but held"
            holds.resume(gateway.engine, "loan", "ada", "solved")
            gateway.look_at_caps()
            assert level() == "canary 10"

    asyncio.run(case())
