"""Two gateways on one PostgreSQL: what the guard of one finds is in force on the other."""

from contextlib import AbstractContextManager, ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.cutover import in_cohort
from gateway.examples.credit.applications import requests
from gateway.store.engine import connect
from gateway.store.holds import holds
from tests.load import envelopes, until
from tests.served import ROUTE, Served, served

INSIDE = next(
    at for at, one in enumerate(requests()) if in_cohort(ROUTE, one["Application"]["Id"].strip(), Decimal(25))
)


def answered(gateway: Served, who: str) -> float:
    """How many calls this side has answered here."""
    return gateway.metric("understudy_calls_total", by=who)


def candidate_answers(gateway: Served) -> bool:
    """Whether it is the candidate that answers a customer of the cohort now."""
    before = {who: answered(gateway, who) for who in ("candidate", "incumbent")}
    assert gateway.post(envelopes()[INSIDE])[0] == 200
    until(lambda: any(answered(gateway, who) > before[who] for who in before), "the call to be counted")
    return answered(gateway, "candidate") > before["candidate"]


def test_a_trip_on_one_is_in_force_on_the_other(postgresql: str, tmp_path: Path) -> None:
    """A model that gives everybody the same score, at 25 %, with a limit of 5 %."""
    guard = {"disagreement": 0.05, "day_to_day": 0.0}
    changes: dict[str, Any] = {"store": postgresql, "observer": {"nice": 0}, "routes": {ROUTE: {"guard": guard}}}

    def start(name: str) -> AbstractContextManager[Served]:
        (tmp_path / name).mkdir()
        return served(tmp_path / name, stage="canary", percent=25, **changes)

    with ExitStack() as stack:
        engine = connect(postgresql, tmp_path)
        stack.callback(engine.dispose)
        one, other = stack.enter_context(start("one")), stack.enter_context(start("other"))
        until(lambda: candidate_answers(other), "the candidate to answer")
        for body in envelopes()[:200]:
            one.post(body)
        until(lambda: holds(engine), "the guard to hold")
        [hold] = holds(engine)
        assert (hold.scope, hold.kind) == (ROUTE, "guard") and hold.reason.startswith("disagreement: ")
        print(hold.reason)
        until(lambda: not candidate_answers(other), "the hold to be in force on the other")
        until(lambda: not candidate_answers(one), "the hold to be in force on the one")
        tripped = [line for gateway in (one, other) for line in gateway.logged("guard_tripped")]
        assert [line["reason"] for line in tripped] == [hold.reason], "one of the two held the route, once"
