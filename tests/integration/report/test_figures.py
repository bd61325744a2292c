"""Every figure of the report can be computed again from the tables of the store, by other means than the report's."""

import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from scipy.stats import ks_2samp
from sqlalchemy import Engine, text

from tests.integration.report.conftest import CALLS
from tests.models import with_a_card


@pytest.fixture
def records(engine: Engine) -> Sequence[Mapping[str, Any]]:
    """The table `record`, its texts read."""
    read = ("fields", "incumbent", "candidate", "verdicts", "segments")
    with engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(text("SELECT * FROM record ORDER BY id"))]
    return [row | {name: json.loads(row[name], object_hook=_plain) for name in read} for row in rows]


def _plain(value: dict[str, Any]) -> Any:
    """Numbers that the store keeps exactly, as floats."""
    return float(value["$decimal"]) if value.keys() == {"$decimal"} else value


def compared(records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [one for one in records if one["verdict"] in ("agree", "disagree")]


def agreed(records: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    mine = compared(records)
    return sum(one["verdict"] == "agree" for one in mine), len(mine)


def pair(rate: Mapping[str, Any]) -> tuple[int, int]:
    return rate["agreed"], rate["compared"]


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """By solving |p - q| = z sqrt(q (1 - q) / n) for q."""
    a, b, c = 1 + 1.96**2 / trials, -(2 * successes / trials + 1.96**2 / trials), (successes / trials) ** 2
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def test_agreement_its_interval_and_the_words(told: Any, records: Sequence[Mapping[str, Any]]) -> None:
    assert pair(told["agreement"]) == agreed(records)
    low, high = wilson(*agreed(records))
    assert (told["agreement"]["low"], told["agreement"]["high"]) == (pytest.approx(low), pytest.approx(high))
    assert told["words"] == Counter(one["verdict"] for one in records)
    assert told["words"]["known"] > 0 and told["words"]["opaque"] > 0


def test_fields_segments_and_known_differences(told: Any, records: Sequence[Mapping[str, Any]]) -> None:
    for name in ("decision", "score"):
        words = Counter(one["verdicts"].get(name) for one in records)
        assert pair(told["fields"][name]) == (words["agree"], words["agree"] + words["disagree"])
    labels = {label for one in records for label in one["segments"]}
    assert told["segments"].keys() == labels and "large" in labels
    for label in labels:
        assert pair(told["segments"][label]) == agreed([one for one in records if label in one["segments"]])
    met = sum("known:rounding_of_2009" in one["verdicts"].values() for one in records)
    assert {one["name"]: one["records"] for one in told["known_differences"]} == {
        "rounding_of_2009": met, "early_refunds": 0,
    }  # fmt: skip
    assert [one["expired"] for one in told["known_differences"]] == [False, True]
    rates = [one["rate"] for one in told["segments"].values()]
    assert rates == sorted(rates)


def test_buckets_of_time_add_up_and_each_is_right(told: Any, records: Sequence[Mapping[str, Any]]) -> None:
    width, buckets = told["over_time"]["seconds"], told["over_time"]["buckets"]
    assert len(buckets) <= 61 and sum(sum(one["calls"].values()) for one in buckets) == CALLS
    for one in buckets:
        start = datetime.fromisoformat(one["at"]).timestamp()
        here = [row for row in records if 0 <= _received(row) - start < width]
        assert pair(one["agreement"]) == agreed(here)
        assert one["calls"] == {"old": len(here)}
        assert one["cost"] == pytest.approx(sum(row["cost"] for row in compared(here)))


def _received(row: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(row["received"]).replace(tzinfo=UTC).timestamp()


def test_what_both_said(told: Any, records: Sequence[Mapping[str, Any]]) -> None:
    answered = [one for one in records if "decision" in one["verdicts"]]
    said = Counter((one["incumbent"]["decision"], one["candidate"]["decision"]) for one in answered)
    found = told["answers"]["decision"]
    labels = found["labels"]
    assert {(a, b): found["counts"][i][j] for i, a in enumerate(labels) for j, b in enumerate(labels)} == {
        (a, b): said[a, b] for a in labels for b in labels
    }
    total = sum(said.values())
    observed = sum(said[a, a] for a in labels) / total
    rows = {a: sum(said[a, b] for b in labels) / total for a in labels}
    columns = {b: sum(said[a, b] for a in labels) / total for b in labels}
    chance = sum(rows[a] * columns[a] for a in labels)
    assert found["kappa"]["value"] == pytest.approx((observed - chance) / (1 - chance))
    mean = [(rows[a] + columns[a]) / 2 for a in labels]
    chance = sum(one * (1 - one) for one in mean) / (len(labels) - 1)
    assert found["ac1"]["value"] == pytest.approx((observed - chance) / (1 - chance))
    differing = {(a, b): n for (a, b), n in said.items() if a != b}
    assert {(one["incumbent"], one["candidate"]): one["records"] for one in told["confusions"]["decision"]} == differing


def test_how_far_scores_are_apart(told: Any, records: Sequence[Mapping[str, Any]]) -> None:
    both = [(one["incumbent"]["score"], one["candidate"]["score"]) for one in records if "score" in one["verdicts"]]
    apart = [ours - theirs for theirs, ours in both]
    found = told["scores"]["score"]
    mean, deviation = statistics.fmean(apart), statistics.stdev(apart)
    assert found["records"] == len(both)
    assert found["difference"]["mean"] == pytest.approx(mean)
    assert found["difference"]["deviation"] == pytest.approx(deviation)
    assert found["difference"]["low"] == pytest.approx(mean - 1.96 * deviation)
    assert found["difference"]["high"] == pytest.approx(mean + 1.96 * deviation)
    for side, values in (("incumbent", sorted(a for a, _ in both)), ("candidate", sorted(b for _, b in both))):
        assert found[side]["mean"] == pytest.approx(statistics.fmean(values))
        for name, share in (("p5", 0.05), ("p50", 0.5), ("p95", 0.95)):
            exact = values[math.ceil(share * len(values)) - 1]
            assert found[side]["quantiles"][name] == pytest.approx(exact, rel=0.006)
        assert sum(found["bins"][side]) == pytest.approx(1)
    assert {tuple(point) for point in told["points"]["score"]} <= set(both)


def test_money_at_risk(told: Any, records: Sequence[Mapping[str, Any]]) -> None:
    total = 0.0
    for one in compared(records):
        sides = one["incumbent"]["decision"], one["candidate"]["decision"]
        if one["verdict"] == "disagree":
            total += {("reject", "approve"): 0.6 * one["fields"]["amount"], ("approve", "reject"): 120.0}.get(
                sides, 0.0
            )
    assert total > 0
    assert told["cost"] == {
        "currency": "EUR", "total": pytest.approx(total), "compared": len(compared(records)),
        "per_1000": pytest.approx(total / len(compared(records)) * 1000),
    }  # fmt: skip


def test_the_incumbents_own_noise(told: Any, records: Sequence[Mapping[str, Any]]) -> None:
    waiting: dict[Any, Mapping[str, Any]] = {}
    pairs = []
    for one in records:
        if one["verdict"] != "opaque":
            key = one["fields"]["amount"]  # the name is everybody's, and ids are left out
            before = waiting.pop(key, None)
            if before and _received(one) - _received(before) <= 7 * 86400:
                pairs.append((before["incumbent"], one["incumbent"]))
            else:
                waiting[key] = one
    same = sum(a["decision"] == b["decision"] and abs(a["score"] - b["score"]) <= 5 for a, b in pairs)
    assert pair(told["noise"]) == (same, len(pairs))
    assert told["noise"]["ceiling"] == pytest.approx(math.sqrt(same / len(pairs)))


def test_drift_of_inputs_and_answers(told: Any, records: Sequence[Mapping[str, Any]]) -> None:
    training = with_a_card().schema["about"]["training"]["inputs"]["amount"]["sample"]
    chosen = sorted(records, key=lambda one: one["lot"])
    [found] = told["drift"]["inputs"]
    assert (found["name"], found["training_rows"]) == ("amount", len(training))
    numbers = [one["fields"]["amount"] for one in _sampled(chosen, told["epochs"])]
    assert found["traffic_values"] == len(numbers)
    cuts = sorted({training[len(training) * part // 10] for part in range(1, 10)})
    before, now = _shares(training, cuts), _shares(numbers, cuts)
    assert found["psi"] == pytest.approx(sum((c - b) * math.log(c / b) for b, c in zip(before, now, strict=True)))
    assert found["furthest"] <= ks_2samp(training, numbers).statistic + 1e-9
    assert found["furthest"] == pytest.approx(ks_2samp(training, numbers).statistic, abs=0.02)
    assert {one["name"] for one in told["drift"]["scores"]} == {"decision", "score"}


def _sampled(chosen: Sequence[Mapping[str, Any]], epochs: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The lowest lots of each epoch, as many as its share of a thousand."""
    total = sum(one["agreement"]["compared"] for one in epochs)
    sizes = {one["epoch"]: math.ceil(1000 * one["agreement"]["compared"] / total) for one in epochs}
    return [row for number, size in sizes.items() for row in [one for one in chosen if one["epoch"] == number][:size]]


def _shares(values: Sequence[float], cuts: Sequence[float]) -> Sequence[float]:
    counts = [0] * (len(cuts) + 1)
    for value in values:
        counts[sum(cut < value for cut in cuts)] += 1
    return [max(count, 0.5) / len(values) for count in counts]


def test_latencies_traffic_epochs_and_ledger(told: Any, engine: Engine, records: Sequence[Mapping[str, Any]]) -> None:
    for who in ("incumbent", "candidate", "gateway"):
        took = sorted(one[f"{who}_ms"] for one in records)
        assert told["times"][who]["calls"] == len(took)
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
            exact = took[math.ceil(share * len(took)) - 1]
            assert told["times"][who][name] == pytest.approx(exact, rel=0.026)
    stages = Counter(one["stage"] for one in records)
    assert {one["stage"]: one["calls"] for one in told["traffic"]} == stages
    for one in told["epochs"]:
        assert pair(one["agreement"]) == agreed([row for row in records if row["epoch"] == one["epoch"]])
        assert one["data"] == "abc123"
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT term, SUM(count) FROM ledger GROUP BY term")).all()
        head = connection.execute(text("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")).one()
    assert told["ledger"] == {row[0]: row[1] for row in rows} and told["unaccounted"] == 0
    assert told["audit_head"] == f"{head.number}:{head.hash}"
    assert [one["after"] for one in told["changes"]] == ["canary 5 %", "shadow"]
    assert (told["card"]["data"], told["card"]["facts"]) == ("abc123", {"auc_unseen": 0.77})


def test_the_guard_and_the_plan(told: Any, engine: Engine) -> None:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT disagreed, calls, cost, parts FROM evidence WHERE epoch = :epoch"),
            {"epoch": told["guard"]["epoch"]},
        ).all()
    rates = {one["condition"]: one for one in told["guard"]["conditions"]}
    assert told["guard"]["keys"] == len(rows) > 100
    assert rates["disagreement"]["rate"] == pytest.approx(statistics.fmean(row.disagreed / row.calls for row in rows))
    scores = [json.loads(row.parts)["score"] for row in rows if "score" in json.loads(row.parts)]
    assert rates["disagreement on score"]["rate"] == pytest.approx(statistics.fmean(a / b for a, b in scores))
    assert rates["disagreement"]["low"] < rates["disagreement"]["rate"] < rates["disagreement"]["high"]
    assert (told["plan"]["steps"], told["plan"]["waits"]) == (2, ["no gateway with this plan has looked yet"])
    assert [row["percent"] for row in told["plan"]["rows"]] == ["1", "10", None]
