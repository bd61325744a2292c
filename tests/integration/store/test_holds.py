"""Holds: one a scope and kind, seen by all, ended only by a resume of the very same scope."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine

from gateway.store.caps import caps
from gateway.store.epochs import epoch
from gateway.store.holds import hold, holds, resume
from gateway.store.model import ALL


def test_a_guard_that_trips_twice_holds_once_and_keeps_the_first_reason(engine: Engine) -> None:
    assert hold(engine, "loans", "agreement below 95 %", "guard", kind="guard")
    assert not hold(engine, "loans", "agreement below 94 %", "guard", kind="guard")
    assert caps(engine).holds == {"loans": "agreement below 95 %"}


def test_an_operator_may_hold_what_the_guard_holds_and_one_resume_ends_both(engine: Engine) -> None:
    hold(engine, "loans", "tripped", "guard", kind="guard")
    hold(engine, "loans", "month end", "ada")
    assert caps(engine).holds == {"loans": "tripped; month end"}
    assert [one.kind for one in holds(engine)] == ["guard", "operator"]
    resumed = resume(engine, "loans", "ada", "looked into it")
    assert (resumed.ended, resumed.still, caps(engine).holds) == (2, None, {})


def test_a_resumed_scope_can_be_held_again(engine: Engine) -> None:
    for _ in range(2):
        assert hold(engine, "loans", "r", "ada")
        assert resume(engine, "loans", "ada", "fine").ended == 1
    assert resume(engine, "loans", "ada", "fine").ended == 0


def test_resuming_a_route_leaves_the_hold_on_all_and_says_so(engine: Engine) -> None:
    hold(engine, ALL, "power cut", "ada")
    hold(engine, "loans", "r", "ada")
    resumed = resume(engine, "loans", "ada", "fine")
    assert (resumed.ended, resumed.still) == (1, "power cut")
    assert caps(engine).holds == {ALL: "power cut"}
    assert resume(engine, ALL, "ada", "power is back").still is None


def test_resuming_all_leaves_the_holds_of_single_routes(engine: Engine) -> None:
    hold(engine, ALL, "power cut", "ada")
    hold(engine, "loans", "r", "ada")
    resume(engine, ALL, "ada", "power is back")
    assert caps(engine).holds == {"loans": "r"}


def test_many_replicas_that_trip_at_once_make_one_hold(engine: Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda who: hold(engine, "loans", "r", str(who), kind="guard"), range(6)))
    assert sorted(made) == [False] * 5 + [True]


def test_the_same_configuration_is_the_same_epoch_on_every_replica(engine: Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        ids = set(pool.map(lambda _: epoch(engine, "loans", "credit:1", "rules", "shadow"), range(6)))
    assert len(ids) == 1


def test_another_model_rule_step_or_route_is_another_epoch(engine: Engine) -> None:
    identities = [("loans", "m1", "r1", "s1"), ("loans", "m2", "r1", "s1"), ("loans", "m1", "r2", "s1")]
    identities += [("loans", "m1", "r1", "s2"), ("cards", "m1", "r1", "s1")]
    assert len({epoch(engine, *identity) for identity in identities}) == 5


def test_evidence_starts_anew_after_a_resume_of_the_route_or_of_all(engine: Engine) -> None:
    def now(route: str) -> int:
        return epoch(engine, route, "m", "r", "s")

    seen = [now("loans"), now("cards")]
    for scope in ("loans", ALL):
        hold(engine, scope, "r", "ada")
        assert now("loans") == seen[-1 if scope == ALL else 0]
        resume(engine, scope, "ada", "fine")
        seen.append(now("loans"))
    assert len(set(seen)) == 4
    assert now("loans") == seen[-1]
    assert now("cards") not in seen
