"""What the guard says, and why."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.guard import ASSUMED, Facts, Memory, Window, conditions, judge, spans, take, variation
from gateway.judgement import Judgement, Outcome
from gateway.limits import Guard

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass
class Key:
    """A business key with one call."""

    disagreed: int
    first: datetime = MONDAY
    calls: int = 1
    cost: float = 0.0
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def guard(**settings: Any) -> Guard:
    return Guard.model_validate({"day_to_day": 0.0} | settings)


def said(limits: Guard, keys: Sequence[Key], facts: Facts | None = None, most: float = 1.0) -> Judgement:
    memory = Memory(limits.day_to_day or 0.0)
    take(limits, memory, keys, most)
    return judge(limits, memory, facts or Facts(timedelta(days=2)), most)


def mixed(bad: int, good: int) -> Sequence[Key]:
    """So many of either, well mixed."""
    keys = [Key(1)] * bad + [Key(0)] * good
    random.Random(7).shuffle(keys)
    return keys


def test_a_rate_proven_above_its_limit_rolls_back_and_says_so() -> None:
    found = said(guard(disagreement=0.05), mixed(60, 140))
    assert found.outcome is Outcome.ROLL_BACK
    assert found.reason == "disagreement: 30 % over 200 keys, proven to be above the limit of 5 %"


def test_a_rate_proven_below_its_limit_promotes() -> None:
    found = said(guard(disagreement=0.05), mixed(4, 800))
    assert (found.outcome, found.reason) == (
        Outcome.PROMOTE, "disagreement: 0.498 % over 804 keys, proven to be below the limit of 5 %",
    )  # fmt: skip


def test_in_between_it_is_undecided_and_tells_how_much_more_it_takes() -> None:
    found = said(guard(disagreement=0.05), mixed(6, 194))
    assert found.outcome is Outcome.UNDECIDED
    assert found.keys and found.days == pytest.approx(found.keys / 100, rel=0.02), "200 keys came in two days"
    told = f"about {found.keys:,} more keys, {found.days:,.0f} days at this traffic, would prove it to be below"
    assert found.reason == f"disagreement: 3 % over 200 keys, limit 5 %: undecided; {told}"


def test_a_rate_at_its_limit_is_told_to_be_hopeless() -> None:
    found = said(guard(disagreement=0.05), mixed(5, 95))
    assert (found.outcome, found.keys) == (Outcome.UNDECIDED, None)
    assert found.reason.endswith("at this traffic it will not be proven to be below")


def test_a_rate_that_has_risen_rolls_back_and_says_that_it_has() -> None:
    found = said(guard(disagreement=0.5), [Key(0)] * 500 + [Key(1)] * 40)
    told = "disagreement: 7.41 % over 540 keys, as a whole within it, but proven to have risen above the limit of 50 %"
    assert (found.outcome, found.reason) == (Outcome.ROLL_BACK, told)


def test_without_any_key_nothing_is_said() -> None:
    found = said(guard(disagreement=0.05), [])
    assert (found.outcome, found.reason) == (Outcome.UNDECIDED, "disagreement: no key was compared yet")
    assert said(guard(), []).reason == "the guard has no condition"


def test_all_rates_have_to_be_proven_to_promote_and_one_is_enough_to_roll_back() -> None:
    limits = guard(disagreement=0.5, fields={"decision": 0.05}, segments={"young": 0.2})
    keys = [Key(0, parts={"decision": (0, 1)}) for _ in range(500)]
    found = said(limits, keys)
    assert found.outcome is Outcome.UNDECIDED
    assert found.reason == "disagreement in young: no key was compared yet"
    keys += [Key(1, parts={"segment:young": (1, 1)}) for _ in range(40)]
    random.Random(7).shuffle(keys)
    found = said(limits, keys)
    assert found.outcome is Outcome.ROLL_BACK
    assert found.reason == "disagreement in young: 100 % over 40 keys, proven to be above the limit of 20 %"


def test_the_chance_of_error_is_shared_by_the_conditions() -> None:
    """Evidence that is enough for one condition alone is not enough where ten share it."""
    keys = mixed(13, 67)
    one = guard(disagreement=0.05, confidence=0.99)
    ten = guard(disagreement=0.05, confidence=0.99, fields={f"f{n}": 0.5 for n in range(99)})
    assert said(one, keys).outcome is Outcome.ROLL_BACK
    assert said(ten, keys).outcome is not Outcome.ROLL_BACK


def test_what_days_may_do_holds_but_does_not_roll_back() -> None:
    found = said(guard(disagreement=0.1, day_to_day=0.5), mixed(60, 240))
    assert found.outcome is Outcome.HOLD
    assert "which would be proven if days did not vary (assumed: by 50%)" in found.reason


def test_a_model_that_is_bad_beyond_any_bad_day_rolls_back_at_once() -> None:
    found = said(guard(disagreement=0.05, day_to_day=0.5), mixed(20, 5))
    assert found.outcome is Outcome.ROLL_BACK


def test_cost_is_bounded_and_proven_by_key() -> None:
    limits = guard(cost=10.0)
    found = said(limits, [Key(1, cost=5000.0)] * 5 + [Key(0)] * 20, most=100)
    assert found.reason.startswith("cost a call: 20 over 25 keys"), "what costs more than at_most counts as at_most"
    assert said(limits, [Key(1, cost=5000.0)] * 30, most=100).outcome is Outcome.ROLL_BACK


def test_too_few_compared_calls_say_nothing() -> None:
    ledger = {"compared": 70, "compared_late": 5, "dropped": 20, "lost": 5, "sampled_out": 900, "seen": 1000}
    found = said(guard(disagreement=0.05), mixed(90, 10), Facts(timedelta(days=1), ledger))
    assert (found.outcome, found.keys) == (Outcome.UNDECIDED, None)
    assert found.reason == "75 of 100 calls were compared, less than 80%: nothing is said of the others"


def test_errors_trip_when_both_windows_burn_and_not_when_one_does() -> None:
    limits = guard(errors={"share": 0.01, "burn": 5, "fast": "5m", "slow": "1h"})
    assert spans(limits) == {300, 3600}
    for fast, slow, outcome in (
        ((100, 6), (1000, 60), Outcome.ROLL_BACK), ((100, 6), (1000, 40), Outcome.PROMOTE),
        ((100, 4), (1000, 60), Outcome.PROMOTE), ((19, 19), (1000, 900), Outcome.PROMOTE),
    ):  # fmt: skip
        windows = {300.0: Window(*fast), 3600.0: Window(*slow)}
        found = said(limits, [], Facts(timedelta(days=1), {}, windows))
        assert found.outcome is outcome, found.reason
    assert found.reason == "errors: 19 calls in 300 s are too few to say anything"


def test_slow_answers_trip_as_errors_do() -> None:
    limits = guard(latency={"above": "300ms", "share": 0.01})
    windows = {300.0: Window(900, 0, 40, 10), 3600.0: Window(9000, 0, 400, 100)}
    found = said(limits, [], Facts(timedelta(days=1), {}, windows))
    assert found.outcome is Outcome.ROLL_BACK
    assert found.reason.startswith("latency: 10 of 40 answers took longer than 0.3 s in 300 s, 100 of 400 in 3600 s")


def test_a_counter_of_the_ledger_trips_above_its_limit() -> None:
    limits = guard(counters={"overwritten": 2})
    for count, outcome in ((2, Outcome.PROMOTE), (3, Outcome.ROLL_BACK)):
        for term in ("overwritten", "not_observable:overwritten"):
            assert said(limits, [], Facts(timedelta(days=1), {term: count})).outcome is outcome


def test_decisions_that_are_shared_out_otherwise_hold_and_do_not_roll_back() -> None:
    limits = guard(decisions={"decision": 0.05})
    for pairs, outcome, told in (
        ({("a", "a"): 90, ("r", "a"): 8, ("a", "r"): 2}, Outcome.HOLD, "the candidate says a for 6 % more of 100"),
        ({("a", "a"): 60, ("r", "a"): 20, ("a", "r"): 20}, Outcome.PROMOTE, "for 0 % less of 100"),
        ({("a", "r"): 99}, Outcome.PROMOTE, "99 records in a day are too few"),
    ):  # fmt: skip
        found = said(limits, [], Facts(timedelta(days=1), decisions={"decision": pairs}))
        assert found.outcome is outcome and told in found.reason


def test_inputs_far_from_training_hold_where_chance_alone_does_not_explain_it() -> None:
    limits = guard(drift=0.2)
    for drift, outcome, told in (
        ({"amount": (0.3, 0.02), "age": (0.4, 0.02), "city": (0.1, 0.01)}, Outcome.HOLD,
         "drift: age is 0.4 from training, limit 0.2, by chance alone 0.02; so are 1 more inputs"),
        ({"amount": (0.3, 0.2)}, Outcome.PROMOTE, "drift: amount is 0.3 from training, limit 0.2, by chance alone 0.2"),
        ({}, Outcome.UNDECIDED, "drift: nothing is known yet"),
    ):  # fmt: skip
        found = said(limits, [], Facts(timedelta(days=1), drift=drift))
        assert found.outcome is outcome and found.reason.startswith(told)


def test_a_waived_condition_takes_nobody_back_and_says_what_it_would() -> None:
    limits = guard(disagreement=0.05, fields={"decision": 0.5})
    keys = [Key(1, parts={"decision": (0, 1)})] * 200
    waived = {"disagreement": "waived by ada until Friday: a known defect"}
    found = said(limits, keys, Facts(timedelta(days=2), waived=waived))
    assert found.outcome is Outcome.PROMOTE
    told = next(one.reason for one in found.findings if one.condition == "disagreement")
    assert told.endswith("above the limit of 5 % (roll back, waived by ada until Friday: a known defect)")
    assert said(limits, keys, Facts(timedelta(days=2), waived={"errors": "waived"})).outcome is Outcome.ROLL_BACK


def test_where_coverage_is_waived_rates_are_judged_by_what_there_is() -> None:
    ledger = {"compared": 70, "dropped": 30}
    found = said(
        guard(disagreement=0.05), mixed(90, 10), Facts(timedelta(days=1), ledger, waived={"coverage": "waived"})
    )
    assert [(one.condition, one.outcome) for one in found.findings] == [
        ("disagreement", Outcome.ROLL_BACK), ("coverage", Outcome.PROMOTE),
    ]  # fmt: skip


def test_every_finding_has_a_name_that_can_be_waived() -> None:
    limits = guard(
        disagreement=0.1, fields={"a": 0.1}, segments={"b": 0.1}, cost=1.0, decisions={"c": 0.1}, drift=0.1,
        errors={"share": 0.1}, latency={"above": "1s"}, counters={"d": 1},
    )  # fmt: skip
    found = [*said(limits, []).findings, *said(limits, [], Facts(timedelta(1), {"dropped": 1})).findings]
    assert {one.condition for one in found} == set(conditions(limits))


def test_the_worst_condition_is_told_first() -> None:
    found = said(guard(disagreement=0.05, counters={"overwritten": 0}), mixed(1, 99), Facts(
        timedelta(days=1), {"overwritten": 1, "compared": 100}))  # fmt: skip
    assert [one.condition for one in found.findings] == ["overwritten", "disagreement"]


def test_it_does_not_matter_in_how_many_looks_keys_come(rng: random.Random) -> None:
    limits = guard(disagreement=0.1, fields={"decision": 0.1}, day_to_day=0.5)
    keys = [Key(0, MONDAY + timedelta(days=n // 60), parts={"decision": (n % 3, 2)}) for n in range(300)]
    whole, parts = Memory(), Memory()
    take(limits, whole, keys)
    while keys:
        size = rng.randint(1, 30)
        take(limits, parts, keys[:size])
        keys = keys[size:]
    facts = Facts(timedelta(days=5))
    assert judge(limits, whole, facts).reason == judge(limits, parts, facts).reason
    assert whole.days == parts.days and whole.keys == parts.keys == 300


def test_variation_is_measured_beyond_what_chance_makes(seed: int) -> None:
    draw = random.Random(seed)

    def days(cv: float) -> Sequence[tuple[float, float]]:
        shape = (1 - 0.1) / (cv**2 * 0.1) - 1
        rates = [draw.betavariate(shape * 0.1, shape * 0.9) if cv else 0.1 for _ in range(60)]
        return [(1000, sum(draw.random() < rate for _ in range(1000))) for rate in rates]

    steady, varied = variation(days(0.0001)), variation(days(0.5))
    assert steady is not None and varied is not None
    assert steady < 0.15 < 0.4 < varied < 0.9


def test_variation_needs_five_days_and_is_assumed_before() -> None:
    assert variation([(100, 5)] * 4 + [(0, 0)]) is None
    assert Memory().day_to_day == ASSUMED
