"""What is kept of a call: what the configuration allows, and no person's data beside it."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.case import Case, decode, join, judge
from gateway.compare import compile_compare
from gateway.comparison import KnownDifference
from gateway.complaints import Resolved
from gateway.contract import CandidateFailed, Refusal, Unmappable, Values
from gateway.keeping import keyring, opened
from gateway.recorder import Recorder
from gateway.records import Records
from gateway.seal import Unopened
from gateway.store.batch import Batch
from gateway.store.model import Record
from gateway.store.secret import digest
from gateway.store.sums import Rollup
from gateway.store.text import dumps
from gateway.table import Bound
from tests.integration.test_stages import config
from tests.parts import Old, Scorer, Source, compiled, linked
from tests.unit.test_case import BATCH, REPLY, REQUEST, judged, seen

SECRET = b"s" * 32
digested = partial(digest, SECRET)
SEALING = Records.model_validate(
    {"fields": {"amount": "encrypt"}, "keys": {"first": Resolved(base64.b64encode(b"k" * 32).decode(), "${KEY}")}}
)


def recorder(fields: Mapping[str, Any] | None = None, keep: bool = True) -> Recorder:
    return Recorder(SEALING.model_copy(update={"keep": keep, "fields": dict(fields or {})}), digested)


ANSWER = {"decision": "keep", "score": "keep"}


def kept(case: Case, fields: Mapping[str, Any] | None = None) -> Record:
    batch = Batch()
    recorder(fields).keep(case, batch)
    [record] = batch.records
    return record


def answered(case: Case) -> Case:
    return judged(case, [Values({"decision": "approve", "score": 950.0})])


def everything(record: Record) -> str:
    return dumps([record.fields, record.incumbent, record.candidate, record.verdicts]) + repr(record)


def test_no_field_of_the_request_is_kept_unless_it_is_allowed() -> None:
    record = kept(answered(seen()))
    assert record.fields == {}
    assert "Ada" not in everything(record) and "500" not in everything(record)


def test_the_business_key_is_kept_as_a_digest_only() -> None:
    record = kept(answered(seen()))
    assert record.key == digested("loan", "12")
    assert "00012" not in everything(record) and "'12'" not in everything(record)


@pytest.mark.parametrize(
    ("way", "expected"),
    [("keep", "Ada"), ("mask", "A**"), ("hash", digested("loan", "Ada").hex()), ("drop", None)],
)
def test_a_field_is_kept_in_the_way_that_is_allowed(way: str, expected: str | None) -> None:
    assert kept(answered(seen()), {"name": way}).fields == ({} if expected is None else {"name": expected})


def test_a_mask_hides_even_a_single_letter() -> None:
    assert kept(answered(seen({**REQUEST, "Name": "F"})), {"name": "mask"}).fields == {"name": "*"}


def test_an_allowed_field_that_is_not_there_is_not_invented() -> None:
    request = {"Id": "1", "Amount": 5}
    assert kept(answered(seen(request)), {"name": "keep", "birth": "keep"}).fields == {}


def test_both_answers_are_kept_in_canonical_fields() -> None:
    record = kept(answered(seen()), ANSWER)
    assert record.incumbent == record.candidate == {"decision": "approve", "score": 950.0}
    assert (record.verdicts, record.distances) == ({"decision": "agree", "score": "agree"}, {"score": 0.0})


def test_no_field_of_an_answer_is_kept_unless_it_is_allowed() -> None:
    record = kept(answered(seen()), {"score": "mask"})
    assert record.incumbent == record.candidate == {"score": "9****"}
    assert record.verdicts == {"decision": "agree", "score": "agree"}


def test_an_encrypted_field_opens_with_its_key_only_and_with_its_type() -> None:
    record = kept(answered(seen()), {"amount": "encrypt", "score": "encrypt"})
    assert "500" not in everything(record) and "950" not in everything(record)
    ring = keyring(SEALING, digested)
    assert opened(ring, "loan", record.fields) == {"amount": 500}
    assert opened(ring, "loan", record.candidate) == {"score": 950.0}
    with pytest.raises(Unopened, match=r"records\.keys"):
        opened(keyring(Records(), digested), "loan", record.fields)
    with pytest.raises(Unopened, match="changed"):
        opened(ring, "loan", {"score": record.fields["amount"]})


@pytest.mark.parametrize(
    ("fields", "numbers", "pairs"),
    [(ANSWER, {"score"}, {"decision"}), ({"decision": "hash", "score": "mask"}, set(), set())],
)
def test_only_values_that_are_kept_as_they_are_get_into_sums(
    fields: Mapping[str, str], numbers: set[str], pairs: set[str]
) -> None:
    batch = Batch()
    recorder(fields).keep(answered(seen()), batch)
    [rollup] = batch.rollups.values()
    assert (set(rollup.numbers), set(rollup.pairs)) == (numbers, pairs)
    assert rollup.fields == {"decision": [1, 1], "score": [1, 1]}


def test_a_customer_is_one_unit_of_evidence_and_without_a_key_each_call_is() -> None:
    batch, keyless = Batch(), rebound("", "answer: &answer {probability_bad: Bad}", key=False)
    for call in ("1", "2"):
        case = answered(seen())
        case.sighting.call_id, case.epoch = call, 3
        recorder().keep(case, batch)
        recorder().keep(replace(case, bound=keyless, epoch=4), batch)
    assert [(epoch, tally.calls) for (epoch, _), tally in batch.evidence.items()] == [(3, 2), (4, 1), (4, 1)]


def rebound(answer: str, fields: str, key: bool = True) -> Bound:
    """The route with other rules for its answer."""

    async def case() -> Bound:
        text = config("shadow")
        start, end = text.index("    answer:\n"), text.index("    compare:")
        text = text[:start] + answer + text[end:].replace("    compare: {score: {absolute: 5}}\n", "")
        text = text.replace(
            "answer: &answer {decision: {from: Decision, codes: {A: approve, R: reject}}, score: Score}", fields
        )
        text = text if key else text.replace("    key: id\n", "")
        source = Source(Old(None))  # type: ignore[arg-type]  # nobody asks it here
        return compiled(text, Path(), source, await linked(Scorer())).bound["old", "Score"]

    return asyncio.run(case())


ECHOED = (
    "    answer: {fields: {score: {from: probability_bad, scale: -200, offset: 1000}, name: {echo: name}}}\n",
    "answer: &answer {score: Score, name: Applicant}",
)


@pytest.mark.parametrize(("allowed", "shown"), [({}, {}), ({"name": "mask"}, {"name": "A**"})])
def test_what_an_answer_only_echoes_is_kept_like_the_request_it_came_from(
    allowed: Mapping[str, str], shown: Mapping[str, str]
) -> None:
    case = seen(incumbent={"Score": 950.0, "Applicant": "Ada"})
    case.bound = rebound(*ECHOED)
    judged(case, [Values({"score": 950.0, "name": "Ada"})])
    record = kept(case, {"score": "keep", **allowed})
    assert record.incumbent == record.candidate == {"score": 950.0, **shown}


def test_the_answers_of_a_route_without_rules_of_its_own_are_kept_too() -> None:
    case = seen(incumbent={"Bad": 0.25})
    case.bound = rebound("", "answer: &answer {probability_bad: Bad}")
    judged(case, [Values({"probability_bad": 0.25})])
    assert kept(case, {"probability_bad": "keep"}).incumbent == {"probability_bad": 0.25}


def test_an_error_is_kept_without_its_text_which_may_quote_a_person() -> None:
    case = judged(seen(), [Unmappable("name", "'Ada' is not a number")])
    record = kept(case)
    assert record.candidate == {"$error": "Unmappable", "field": "name"}
    assert kept(judged(seen(), [CandidateFailed("Ada is unknown")])).candidate == {"$error": "CandidateFailed"}
    refused = judged(seen(), [Refusal("TooMuch", "Ada asked for 500", {"name": "Ada"})])
    assert kept(refused).candidate == {"$refusal": "TooMuch"} and "Ada" not in everything(kept(refused))


def test_every_record_of_a_message_has_its_place_and_the_message_counts_once() -> None:
    case = seen(BATCH, {"Results": [REPLY, {**REPLY, "Decision": "R"}]}, operation="ScoreBatch")
    judged(case, [Values({"decision": "approve", "score": 950.0})] * 2)
    batch = Batch()
    recorder().keep(case, batch)
    assert [(record.index, record.verdict) for record in batch.records] == [(0, "agree"), (1, "disagree")]
    assert [record.key for record in batch.records] == [digested("loan", "12"), digested("loan", "13")]
    [rollup] = batch.rollups.values()
    assert (rollup.calls, rollup.compared, rollup.agreed) == (1, 2, 1)


def test_without_records_the_sums_are_kept() -> None:
    batch = Batch()
    recorder(keep=False).keep(answered(seen()), batch)
    assert batch.records == []
    [rollup] = batch.rollups.values()
    assert isinstance(rollup, Rollup) and (rollup.calls, rollup.agreed, rollup.answered_incumbent) == (1, 1, 1)
    assert set(rollup.latency) == {"incumbent", "gateway"}


def test_another_setting_counts_from_the_next_call_on() -> None:
    one, batch = recorder({"name": "keep"}), Batch()
    one.use(Records())
    one.keep(answered(seen()), batch)
    assert batch.records[0].fields == {}


def test_a_call_that_waits_is_sealed_whole() -> None:
    case = seen(incumbent=None, kind="opened")
    decode(case)
    case.candidate = [Values({"decision": "approve", "score": 950.0})]
    one = recorder({"amount": "keep", "name": "drop"})
    pending = one.pending(case)
    assert "Ada" not in repr(pending) and "500" not in repr(pending) and "approve" not in repr(pending)
    assert one.waited(pending) == ([{"id": "12", "amount": 500}], case.candidate)
    with pytest.raises(Unopened):
        one.waited(replace(pending, call_id="another"))
    assert (pending.expires - pending.opened).total_seconds() == 86400


@pytest.mark.parametrize(
    "outcome",
    [Values({"decision": "approve", "score": 950.0, "on": date(2026, 1, 2)}), Refusal("TooMuch")],
)
def test_what_the_candidate_said_when_the_call_came_is_what_is_compared_later(outcome: Any) -> None:
    case = seen(incumbent=None, kind="opened")
    decode(case)
    case.candidate = [outcome]
    assert recorder().waited(recorder().pending(case))[1] == [outcome]


def test_a_call_that_could_not_be_scored_is_failed_when_its_answer_comes() -> None:
    case = seen(incumbent=None, kind="opened")
    decode(case)
    case.candidate = [CandidateFailed("no")]
    pending = recorder().pending(case)
    late = seen(kind="answered")
    join(late, *recorder().waited(pending))
    judge(late)
    assert late.term == "failed"


def test_a_known_difference_is_kept_by_its_name_and_counts_apart() -> None:
    entry = KnownDifference.model_validate({"owner": "Risk", "reason": "old", "expires": "2030-01-01"})
    case = seen(incumbent={**REPLY, "Decision": "R"})
    settings = case.bound.settings.model_copy(update={"known_differences": {"of_2009": entry}})
    case.bound = replace(case.bound, settings=settings, compare=compile_compare(settings, "old/Score"))
    batch = Batch()
    recorder({}).keep(answered(case), batch)
    assert batch.records[0].verdicts == {"decision": "known:of_2009", "score": "agree"}
    [rollup] = batch.rollups.values()
    assert (rollup.known, rollup.words, rollup.compared) == ({"of_2009": 1}, {"known": 1}, 0)
    assert rollup.fields == {"score": [1, 1]}
