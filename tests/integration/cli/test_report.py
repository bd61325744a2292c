"""`understudy report`: one route, as text and as JSON of a stable shape."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.integration.cli.conftest import Run
from tests.integration.cli.samples import fill

KEYS = {
    "shape", "made", "route", "version", "stage", "percent", "in_force", "reasons", "problems", "model", "records_kept",
    "traffic", "latency_ms", "agreement", "words", "over_time", "fields", "segments", "noise", "confusions", "answers",
    "scores", "points", "cost", "drift", "known_differences", "times", "disagreements", "epochs", "ledger",
    "unaccounted", "balanced", "guard", "plan", "waivers", "changes", "card", "audit_head",
}  # fmt: skip


def told(run: Run) -> Any:
    ran = run("report", "loan_decision", "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def test_the_shape_is_the_documented_one_with_and_without_traffic(run: Run, engine: Engine) -> None:
    assert told(run).keys() == KEYS
    fill(engine, 9, 1)
    report = told(run)
    assert (report.keys(), report["shape"]) == (KEYS, 1)
    documented = Path("docs/cli.md").read_text()
    assert [key for key in KEYS if f"`{key}`" not in documented] == []


def test_agreement_is_told_by_field_the_worst_first(run: Run, engine: Engine) -> None:
    fill(engine, 90, 10)
    report = told(run)
    assert [(name, rate["agreed"], rate["compared"]) for name, rate in report["fields"].items()] == [
        ("decision", 90, 100),
        ("note", 100, 100),
    ]
    assert (report["agreement"]["rate"], report["agreement"]["model"]) == (0.9, "constant:1")
    assert report["confusions"] == {"decision": [{"incumbent": "approve", "candidate": "reject", "records": 10}]}


def test_the_latest_disagreements_are_told_by_their_ids(run: Run, engine: Engine) -> None:
    fill(engine, 20, 15)
    found = told(run)["disagreements"]
    assert [one["call"] for one in found] == [f"shadow-1-{at}" for at in range(34, 24, -1)]
    assert (found[0]["fields"], found[0]["candidate"]["decision"]) == ({}, "reject")


def test_latencies_of_all_three_stand_beside_the_traffic_of_each_stage(run: Run, engine: Engine) -> None:
    fill(engine, 10, 0)
    fill(engine, 5, 0, stage="canary")
    report = told(run)
    assert [(one["stage"], one["calls"], one["incumbent"]) for one in report["traffic"]] == [
        ("canary", 5, 5),
        ("shadow", 10, 10),
    ]
    for who, took in (("incumbent", 20.0), ("candidate", 2.0), ("gateway", 1.0)):
        assert report["latency_ms"][who]["p50"] == pytest.approx(took, rel=0.03)
    assert [one["step"] for one in report["epochs"]] == ["canary", "shadow"]


def test_the_text_says_it_all_too(run: Run, engine: Engine) -> None:
    fill(engine, 90, 10, lost=2)
    text = run("report", "loan_decision").output
    for said in ("90.00 % (82.56", "approve", "reject", "shadow-1-99", "20.", "2 calls are unaccounted for"):
        assert said.replace(" %", "%") in text.replace(" %", "%"), said


def test_what_is_not_kept_is_said(run: Run, path: Path, engine: Engine) -> None:
    path.write_text(path.read_text() + "records: {keep: false}\n")
    assert told(run)["records_kept"] is False
    assert "disagreements and confusions are not kept" in run("report", "loan_decision").output


def test_an_unknown_route_suggests_the_nearest(run: Run, engine: Engine) -> None:
    ran = run("report", "loan")
    assert ran.exit_code == 2
    assert "no route is called 'loan'" in ran.stderr
