"""What was recorded in shadow is answered once more by another model, and says honestly what could not be."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from tests.inprocess import running
from tests.integration.test_stages import balanced, config, exchange, message

KEEP = "records: {fields: {amount: keep, decision: keep, score: keep}}"
MORE = """segments: {large: {field: amount, above: 500}}
    cost:
      field: decision
      currency: EUR
      pairs: [{incumbent: approve, candidate: reject, amount: amount, times: 0.1}]"""
MODELS = """models:
  strict: {type: python, call: "tests.models:by_amount_2"}
  raises: {type: python, call: "tests.models:raising"}"""


def text(records: str = KEEP) -> str:
    made = config("shadow", more=MORE).replace("records: {fields: {amount: keep, name: hash}}", records)
    return made.replace("models:", MODELS, 1)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A store with 100 calls, of amounts from 10 to 1,000; the last one is technical."""
    return recording(tmp_path, text())


def recording(folder: Path, written: str, calls: int = 100) -> Path:
    async def case() -> None:
        async with running(written, folder) as gateway:
            asked = [message(n, amount=n * 10) for n in range(1, calls)]
            await exchange(gateway, [*asked, message(calls, amount=1, Technical=True)])
            await balanced(gateway, calls)

    (folder / "understudy.yaml").write_text(written)
    asyncio.run(case())
    return folder / "understudy.yaml"


def run(path: Path, *words: str, **environment: str) -> Result:
    return CliRunner().invoke(app, ["replay", "loan", "--config", str(path), *words], env=environment)


def told(path: Path, *words: str, **environment: str) -> Any:
    ran = run(path, "--json", *words, **environment)
    assert ran.exit_code in (0, 1), ran.output
    return json.loads(ran.stdout)


def test_the_recorded_model_comes_to_the_recorded_verdicts(recorded: Path) -> None:
    found = told(recorded)
    assert (found["model"], found["records"], found["replayed"]) == ("by_amount:1", 100, 99)
    assert found["left_out"] == {"the incumbent gave no answer to compare with": 1}
    assert (found["agreement"]["agreed"], found["agreement"]["compared"]) == (99, 99)
    assert found["recorded"] == {"both": 99, "recorded_only": 0, "now_only": 0, "neither": 0}
    assert (found["not_compared"], found["failed"], found["cost_per_1000"]) == ([], {}, 0.0)


def test_a_stricter_model_is_told_apart_by_field_segment_and_price(recorded: Path) -> None:
    found = told(recorded, "--model", "strict")
    # It rejects from 500 on, where legacy and the model before reject from 1,000 on; its scores are further down.
    fields = {name: (rate["agreed"], rate["compared"]) for name, rate in found["fields"].items()}
    assert found["model"] == "by_amount:2"
    assert fields["decision"] == (49, 99)
    assert found["segments"]["large"]["compared"] == 49 and found["segments"]["large"]["agreed"] == 0
    assert found["confusions"]["decision"] == [{"incumbent": "approve", "candidate": "reject", "records": 50}]
    at_risk = sum(amount * 0.1 for amount in range(500, 1000, 10))
    assert found["cost_per_1000"] == pytest.approx(at_risk / 99 * 1000)
    assert found["currency"] == "EUR"
    recorded_only = found["recorded"]["recorded_only"]
    assert recorded_only == 99 - found["agreement"]["agreed"] and found["recorded"]["now_only"] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--require", "agreement >= 0.98"], 0),
        (["--require", "agreement >= 98%", "--require", "replayed > 0.995"], 1),
        (["--model", "strict", "--require", "field:decision >= 0.5"], 1),
        (["--model", "strict", "--require", "cost <= 100000"], 0),
        (["--since", "2099-01-01", "--require", "agreement >= 0"], 1),
        (["--require", "field:nothing >= 0"], 1),
        (["--model", "raises", "--require", "failed < 0.5"], 1),
    ],
)
def test_a_build_fails_where_a_requirement_is_not_met(recorded: Path, words: list[str], code: int) -> None:
    ran = run(recorded, *words)
    assert ran.exit_code == code, ran.output
    assert ("NOT MET" in ran.output) is bool(code)


def test_since_and_limit_choose_among_the_records(recorded: Path) -> None:
    assert told(recorded, "--limit", "7")["records"] == 7
    assert told(recorded, "--since", "1h")["records"] == 100
    assert told(recorded, "--since", "2099-01-01")["records"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "credit:new"], "the model scorer is by_amount:1 and has no other tag"),
        (["--require", "agreemnt >= 1"], "nothing is called 'agreemnt', did you mean 'agreement'"),
        (["--require", "much"], "expected a name"),
        (["--since", "soon"], "expected how long ago"),
    ],
)
def test_what_cannot_be_meant_is_said(recorded: Path, words: list[str], said: str) -> None:
    ran = run(recorded, *words)
    assert ran.exit_code == 2
    assert said in " ".join(ran.output.replace("│", " ").split())


def test_what_records_do_not_carry_is_counted_and_named(tmp_path: Path) -> None:
    path = recording(tmp_path, text("records: {fields: {decision: keep}}"), calls=5)
    found = told(path)
    assert (found["replayed"], found["not_compared"]) == (0, ["score"])
    assert found["left_out"]["records do not carry the field amount"] == 5
    assert "5 left out: records do not carry the field amount" in run(path).output


def test_sealed_fields_are_opened_where_the_key_is(tmp_path: Path) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    sealed = 'records: {fields: {amount: encrypt, decision: encrypt, score: keep}, keys: {one: "${SEAL}"}}'
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SEAL", key)
        path = recording(tmp_path, text(sealed), calls=5)
        assert told(path)["replayed"] == 4
        patched.setenv("SEAL", base64.b64encode(b"x" * 32).decode())
        assert told(path)["left_out"]["sealed, and not opened by the keys that are configured"] == 5


def test_a_field_that_was_not_kept_then_is_no_disagreement_now(tmp_path: Path) -> None:
    path = recording(tmp_path, text("records: {fields: {amount: keep, decision: keep}}"), calls=5)
    path.write_text(text())
    assert told(path)["left_out"] == {
        "this record does not carry the answer field score": 4,
        "the incumbent gave no answer to compare with": 1,
    }
