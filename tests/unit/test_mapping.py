"""Every channel maps into one canonical record, and a canonical answer back into each channel's own reply."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Route
from gateway.contract import ConfigError, Opaque, Outcome, Refusal, Unmappable, Values
from gateway.mapping import RouteMapping, compile_route

NOW = datetime(2024, 5, 17, 9, 30, tzinfo=UTC)
BASE: dict[str, Any] = {
    "candidate": "credit",
    "key": "customer",
    "fields": {
        "customer": {"type": "text", "trim": True, "strip_zeros": True},
        "amount": "decimal",
        "months": "integer",
        "checking": "text",
        "born": {"type": "date", "optional": True},
        "channel": {"type": "text", "default": "branch"},
    },
    "sources": {
        "soap/Score": {
            "request": {
                "customer": "App.Id",
                "amount": "App.Amount",
                "months": "App.Months",
                "checking": {"from": "App.Checking", "codes": {"A11": "negative", "A12": "low"}},
                "born": {"from": "App.Born", "format": "%d.%m.%Y"},
                "channel": "App.@Channel",
            },
            "answer": {
                "decision": {"from": "Result.Decision", "codes": {"A": "approve", "R": "reject"}},
                "score": "Result.Score",
                "reasons": "Result.Reasons.Reason",
                "decided": {"from": "Result.On", "format": "%d.%m.%Y"},
                "customer": "Result.Id",
                "limit": {"from": "Result.Limit", "scale": Decimal("0.01")},
                "release": {"from": "Result.Release", "constant": "2004-05"},
            },
        },
        "table/LOANS": {
            "request": {
                "customer": "CUST_NO",
                "amount": {"from": "AMT_CENTS", "scale": Decimal("0.01")},
                "months": "MONTHS",
                "checking": "CHK",
            },
            "answer": {"decision": "DECISION", "score": "SCORE"},
        },
    },
    "features": {
        "amount": None,
        "months": None,
        "checking": None,
        "born": None,
        "band": {"from": "amount", "bands": [{"below": Decimal(1000), "value": "small"}, {"value": "large"}]},
        "country": {"constant": "DE"},
    },
    "answer": {
        "fields": {
            "decision": {"from": "bad", "bands": [{"below": Decimal("0.5"), "value": "approve"}, {"value": "reject"}]},
            "score": {"from": "bad", "scale": Decimal(-1000), "offset": Decimal(1000), "round": 1, "type": "decimal"},
            "reasons": {"many": True, "limit": 2},
            "decided": {"now": "date"},
            "customer": {"echo": "customer"},
            "limit": {"from": "limit", "type": "decimal", "optional": True},
        }
    },
}
MESSAGE = {
    "App": {
        "Id": "00001234 ",
        "Amount": {"#text": "3000.50", "@Currency": "DEM"},
        "Months": 24,
        "Checking": "A11",
        "Born": "29.02.1980",
        "@Channel": "phone",
    }
}


def compiled(**changed: Any) -> RouteMapping:
    return compile_route("loan", Route.model_validate({**BASE, **changed}))


def source(**changed: Any) -> dict[str, Any]:
    return {"sources": {"soap/Score": {**BASE["sources"]["soap/Score"], **changed}}}


def without(field: str) -> dict[str, Any]:
    return {"App": {name: value for name, value in MESSAGE["App"].items() if name != field}}


def test_two_channels_map_into_the_same_canonical_record() -> None:
    rules = compiled()
    [soap] = rules.sources["soap/Score"].requests(MESSAGE)
    row = {"CUST_NO": 1234, "AMT_CENTS": 300050, "MONTHS": "24", "CHK": "negative"}
    [table] = rules.sources["table/LOANS"].requests(row)
    assert soap == {
        "customer": "1234",
        "amount": Decimal("3000.50"),
        "months": 24,
        "checking": "negative",
        "born": date(1980, 2, 29),
        "channel": "phone",
    }
    assert table == {name: soap[name] for name in ("customer", "amount", "months", "checking")} | {"channel": "branch"}


@pytest.mark.parametrize("spelled", ["00001234", "1234", "1234  ", 1234])
def test_every_spelling_of_a_customer_is_one_key(spelled: object) -> None:
    assert compiled().sources["soap/Score"].key({"App": {"Id": spelled}}) == "1234"


KEYS = st.recursive(
    st.one_of(st.none(), st.text(max_size=3), st.integers(), st.floats(), st.binary(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["App", "Id", "#text"]), inner)
    ),
)


@given(st.dictionaries(st.sampled_from(["App", "Id"]), KEYS))
def test_a_key_is_a_text_or_none_and_never_an_error(payload: dict[str, Any]) -> None:
    key = compiled().sources["soap/Score"].key(payload)
    assert key is None or (isinstance(key, str) and key != "")


@pytest.mark.parametrize("payload", [{}, {"App": None}, {"App": {"Id": "  "}}, {"App": {"Id": {"A": 1}}}, {"App": "x"}])
def test_a_message_without_a_usable_key_has_none(payload: dict[str, Any]) -> None:
    assert compiled().sources["soap/Score"].key(payload) is None


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (without("Amount"), "amount: is missing"),
        ({"App": {**MESSAGE["App"], "Months": "12x"}}, "months: '12x' is not an integer"),
        ({"App": {**MESSAGE["App"], "Checking": "A99"}}, r"checking: 'A99' is not a known code \(known: A11, A12\)"),
        ({"App": {**MESSAGE["App"], "Amount": "NaN"}}, "amount: 'NaN' is not a number"),
        ({"App": {**MESSAGE["App"], "Months": [24]}}, "months: a list is not an integer"),
        ({"App": {**MESSAGE["App"], "Born": "1980-02-29"}}, "born: '1980-02-29' is not date %d.%m.%Y"),
    ],
)
def test_a_field_that_cannot_be_mapped_is_named(payload: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Unmappable, match=sentence):
        compiled().sources["soap/Score"].requests(payload)


def test_features_are_json_scalars_and_an_optional_field_stays_absent() -> None:
    rules = compiled()
    [record] = rules.sources["soap/Score"].requests(MESSAGE)
    features = {
        "amount": 3000.5,
        "months": 24,
        "checking": "negative",
        "born": "1980-02-29",
        "band": "large",
        "country": "DE",
    }
    assert rules.features(record) == features
    assert rules.feature_names == tuple(BASE["features"])
    [record] = rules.sources["soap/Score"].requests(without("Born"))
    assert "born" not in rules.features(record)


def test_without_features_every_canonical_field_but_the_key_is_one() -> None:
    rules = compiled(features={})
    [record] = rules.sources["soap/Score"].requests(MESSAGE)
    assert rules.features(record) == {
        "amount": 3000.5,
        "months": 24,
        "checking": "negative",
        "born": "1980-02-29",
        "channel": "phone",
    }


def answered(prediction: dict[str, Any]) -> tuple[RouteMapping, Values]:
    rules = compiled()
    [record] = rules.sources["soap/Score"].requests(MESSAGE)
    return rules, rules.answer(prediction, record, NOW)


def test_a_prediction_becomes_a_canonical_answer() -> None:
    rules, answer = answered({"bad": 0.43217, "reasons": ["r1", "r2", "r3"], "limit": 1200})
    assert answer.fields == {
        "decision": "approve",
        "score": Decimal("567.8"),
        "reasons": ["r1", "r2"],
        "decided": date(2024, 5, 17),
        "customer": "1234",
        "limit": Decimal(1200),
    }
    assert rules.outputs == ("bad", "reasons", "limit")
    assert rules.answer_fields == tuple(answer.fields)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None, "x", [0.1]])
def test_a_prediction_that_is_no_number_is_no_answer(bad: object) -> None:
    with pytest.raises(Unmappable, match="decision: "):
        answered({"bad": bad, "reasons": []})


def test_an_answer_goes_out_in_the_sources_own_names_and_comes_back_equal() -> None:
    rules, answer = answered({"bad": 0.43217, "reasons": ["r1"], "limit": 1200})
    soap = rules.sources["soap/Score"]
    reply = soap.outgoing([answer])
    assert reply == Values(
        {
            "Result": {
                "Decision": "A",
                "Score": Decimal("567.8"),
                "Reasons": {"Reason": ["r1"]},
                "On": "17.05.2024",
                "Id": "1234",
                "Limit": 120000,
                "Release": "2004-05",
            }
        }
    )
    [back] = soap.answers(reply)
    assert back == answer


@given(
    st.floats(0, 1), st.lists(st.text(max_size=4), max_size=3), st.one_of(st.none(), st.decimals(0, 10**6, places=2))
)
def test_whatever_goes_out_is_read_back_as_the_same_answer(
    bad: float, reasons: list[str], limit: Decimal | None
) -> None:
    rules, answer = answered({"bad": bad, "reasons": reasons, "limit": limit})
    for mapping in rules.sources.values():
        [back] = mapping.answers(mapping.outgoing([answer]))
        assert isinstance(back, Values)
        assert back.fields == {name: answer.fields[name] for name in back.fields}


def test_base_incumbent_replaces_only_what_the_source_maps() -> None:
    rules, answer = answered({"bad": 0.9, "reasons": []})
    assert rules.sources["table/LOANS"].changes([answer]) == {("DECISION",): "reject", ("SCORE",): Decimal("100.0")}
    assert ("Result", "Release") not in rules.sources["soap/Score"].changes([answer])


def test_an_answer_without_a_field_that_the_reply_needs_is_unmappable() -> None:
    with pytest.raises(Unmappable, match="score: the answer has no value for it"):
        compiled().sources["table/LOANS"].outgoing([Values({"decision": "approve"})])
    with pytest.raises(Unmappable, match="decision: there is no code for 'perhaps'"):
        compiled().sources["soap/Score"].changes([Values({"decision": "perhaps"})])


def test_a_missing_optional_answer_field_is_left_out_and_a_required_one_is_an_error() -> None:
    soap = compiled().sources["soap/Score"]
    reply = {"Decision": "R", "Score": "1.5", "On": "01.02.2024", "Id": 7, "Limit": None}
    [answer] = soap.answers(Values({"Result": reply}))
    assert answer == Values(
        {"decision": "reject", "score": Decimal("1.5"), "reasons": [], "decided": date(2024, 2, 1), "customer": "7"}
    )
    with pytest.raises(Unmappable, match="decision: is missing"):
        soap.answers(Values({"Result": {**reply, "Decision": None}}))


def test_attributes_and_text_of_one_element_are_written_together() -> None:
    answer = {"score": "Amount", "decision": {"from": "Amount.@Currency"}}
    [mapping] = compiled(**source(answer=answer)).sources.values()
    values = Values({"score": 5, "decision": "DEM"})
    assert mapping.outgoing([values]) == Values({"Amount": {"#text": 5, "@Currency": "DEM"}})


REFUSE = [
    {"when": {"field": "months", "above": 72, "below": 1000}, "fault": "InvalidApplication", "message": "too long",
     "detail": {"Info.Field": {"constant": "Months"}, "Info.Value": "months", "customer": None}},
    {"when": {"field": "checking", "in": ["low"]}, "fault": "NoAccount"},
]  # fmt: skip


def test_a_declared_fault_is_decided_on_canonical_fields() -> None:
    rules = compiled(answer={**BASE["answer"], "refuse": REFUSE})
    refusal = rules.refusal({"months": 80, "checking": "low", "customer": "7"})
    assert refusal == Refusal(
        "InvalidApplication", "too long", {"Info.Field": "Months", "Info.Value": 80, "customer": "7"}
    )
    assert rules.refusal({"months": 20, "checking": "low"}) == Refusal("NoAccount")
    assert rules.refusal({"months": 1000, "checking": "negative"}) is None
    assert refusal is not None
    outgoing = rules.sources["soap/Score"].outgoing([refusal])
    assert outgoing == Refusal(
        "InvalidApplication", "too long", {"Info": {"Field": "Months", "Value": 80}, "customer": "7"}
    )


@pytest.mark.parametrize(
    ("condition", "record", "kept"),
    [
        ({"field": "amount", "above": 100}, {"amount": Decimal("100.01")}, True),
        ({"field": "amount", "above": 100}, {"amount": Decimal(100)}, False),
        ({"field": "amount", "below": 100}, {}, False),
        ({"field": "born", "missing": True}, {}, True),
        ({"field": "born", "missing": True}, {"born": date(2000, 1, 1)}, False),
        ({"field": "born", "missing": False}, {"born": date(2000, 1, 1)}, True),
        ({"field": "born", "missing": False}, {}, False),
        ({"field": "months", "in": ["12", 24]}, {"months": 12}, True),
        ({"field": "born", "in": ["2000-01-01"]}, {"born": date(2000, 1, 1)}, True),
        ({"field": "checking", "in": ["low"]}, {"checking": ["high", "low"]}, True),
    ],
)
def test_a_segment_is_kept_on_the_incumbent(condition: dict[str, Any], record: dict[str, Any], kept: bool) -> None:
    assert compiled(keep_incumbent=[condition]).kept([record]) is kept


FAILED_WHEN = {"status": [503], "faults": ["Server"], "fields": {"Result.Code": [0, "99", None]}}


@pytest.mark.parametrize(
    ("outcome", "status", "reason"),
    [
        (Values({"Result": {"Code": "0"}}), 200, "field Result.Code"),
        (Values({"Result": {"Code": 99}}), 200, "field Result.Code"),
        (Values({}), 200, "field Result.Code"),
        (Values({"Result": {"Code": 1}}), 503, "status 503"),
        (Refusal("Server"), 500, "fault Server"),
        (Opaque("html"), 200, "html"),
    ],
)
def test_what_the_operator_calls_technical_is_opaque(outcome: Outcome, status: int, reason: str) -> None:
    [mapping] = compiled(**source(failed_when=FAILED_WHEN)).sources.values()
    assert mapping.answers(outcome, status) == [Opaque(reason)]


def test_a_refusal_of_the_incumbent_keeps_its_code() -> None:
    refusal = Refusal("InvalidApplication", "no", {"Field": "Months"})
    assert compiled().sources["soap/Score"].answers(refusal, 500) == [refusal]


BATCH = source(
    request={"customer": "Id", "amount": "Amount", "months": "Months", "checking": "Checking"},
    answer={"decision": {"from": "Decision", "codes": {"A": "approve", "R": "reject"}}, "customer": "Id"},
    each={"records": "Batch.App", "answers": "Reply.Result", "key": "BatchId", "around": {"Reply.BatchId": "BatchId"}},
)
RECORD = {"Id": "1", "Amount": 5, "Months": 6, "Checking": "low"}


def test_a_message_of_many_records_is_mapped_record_by_record() -> None:
    [mapping] = compiled(**BATCH).sources.values()
    message = {"BatchId": " 0077 ", "Batch": {"App": [RECORD, {**RECORD, "Id": "2"}]}}
    assert mapping.many and mapping.key(message) == "0077"
    assert [record["customer"] for record in mapping.requests(message)] == ["1", "2"]
    assert len(mapping.requests({"Batch": {"App": RECORD}})) == 1
    answers = [Values({"decision": "approve", "customer": "1"}), Values({"decision": "reject", "customer": "2"})]
    items = [{"Decision": "A", "Id": "1"}, {"Decision": "R", "Id": "2"}]
    reply = mapping.outgoing(answers, message)
    assert reply == Values({"Reply": {"BatchId": " 0077 ", "Result": items}})
    assert mapping.answers(reply) == answers
    assert mapping.changes(answers)[("Reply", "Result", 1, "Decision")] == "R"


def test_one_bad_record_of_many_is_named_and_one_refused_takes_the_whole_message() -> None:
    [mapping] = compiled(**BATCH).sources.values()
    with pytest.raises(Unmappable, match=r"^Batch.App\[1\].months: 'x' is not an integer"):
        mapping.requests({"Batch": {"App": [RECORD, {**RECORD, "Months": "x"}]}})
    with pytest.raises(Unmappable, match=r"Batch.App: the message has no records"):
        mapping.requests({"Batch": None})
    with pytest.raises(Unmappable, match=r"\[1\]: one record of a message cannot be refused by itself \(E01\)"):
        mapping.outgoing([Values({"decision": "approve", "customer": "1"}), Refusal("E01")], {"BatchId": 1})
    with pytest.raises(Unmappable, match=r"\[0\].decision: is missing"):
        mapping.answers(Values({"Reply": {"Result": [{"Id": 1}]}}))


def answers(**fields: Any) -> dict[str, Any]:
    return {"answer": {"fields": {**BASE["answer"]["fields"], **fields}}}


SOAP = BASE["sources"]["soap/Score"]
DOUBLED = {"from": "Result.Decision", "codes": {"A": "approve", "B": "approve"}}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            source(request={**SOAP["request"], "montsh": "App.Months"}),
            r"routes.loan.sources.soap/Score.request: no field is called 'montsh', did you mean 'months'",
        ),
        (source(answer={"desicion": "D"}), "soap/Score.answer.desicion: no answer field .* did you mean 'decision'"),
        (source(answer={"decision": DOUBLED}), "answer.decision: codes 'A' and 'B' both mean 'approve'"),
        (source(answer={"decision": "X", "score": "X"}), "decision and score are written to one place"),
        (source(answer={"decision": "X", "score": "X.Y"}), "decision and score are written to one place"),
        (source(answer={"decision": {"echo": "amount"}}), "answer.decision: echo cannot be used here"),
        (source(request={"amount": "App..Amount"}), "request.amount: 'App..Amount' is not a path"),
        (source(request={"amount": {"python": "nowhere:f"}}), "request.amount: cannot import 'nowhere:f'"),
        (source(request={"amount": {"now": "date"}}), "request.amount: now cannot be used here"),
        (source(request={"amount": {"from": "A", "constant": 1}}), "request.amount: give one of from and constant"),
        (source(request={"amount": {"constant": "x"}}), "request.amount: 'x' is not a number"),
        ({"features": {"amuont": None}}, "features.amuont: no field is called 'amuont', did you mean 'amount'"),
        (answers(customer={"echo": "custmer"}), "answer.fields.customer: no field .* did you mean 'customer'"),
        (answers(decision={"from": "bad", "inverse": {"a": "b"}}), "`inverse` belongs to a source's answer"),
        ({"key": "custmer"}, "routes.loan.key: no field is called 'custmer'"),
        ({"key": "amount"}, "key: a decimal cannot be a key"),
        ({"keep_incumbent": [{"field": "mnths", "below": 1}]}, r"keep_incumbent\[0\]: no field is called 'mnths'"),
        (
            {"keep_incumbent": [{"field": "checking", "below": 1}]},
            "below and above need a number, and checking is a text",
        ),
        ({"keep_incumbent": [{"field": "months"}]}, "give at least one of below"),
        ({"keep_incumbent": [{"field": "months", "in": ["x"]}]}, r"keep_incumbent\[0\]: 'x' is not an integer"),
        ({"keep_incumbent": [{"field": "months", "below": 1, "missing": True}]}, "excludes the other tests"),
        ({"answer": {"base": "incumbent"}}, "answer.fields: base incumbent replaces the fields listed here"),
    ],
)
def test_a_mapping_that_cannot_work_is_a_configuration_error(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        compiled(**changed)


def test_every_problem_of_a_route_is_found_in_one_go() -> None:
    with pytest.raises(ConfigError) as caught:
        compiled(features={"amuont": None, "mnths": None}, key="custmer")
    assert len(caught.value.problems) == 3


def test_codes_without_a_way_back_are_fine_where_the_candidate_never_answers() -> None:
    [mapping] = compiled(**source(answer={"decision": DOUBLED}, ceiling="shadow")).sources.values()
    assert mapping.answers(Values({"Result": {"Decision": "B"}})) == [Values({"decision": "approve"})]
    with pytest.raises(Unmappable, match="no way back"):
        mapping.outgoing([Values({"decision": "approve"})])


def test_without_answer_fields_the_outputs_of_the_same_names_are_the_answer() -> None:
    rules = compiled(
        answer={}, **source(answer={"decision": "Result.Decision", "grade": {"from": "G", "type": "integer"}})
    )
    assert rules.answer({"decision": "A", "grade": "3"}, {}, NOW) == Values({"decision": "A", "grade": 3})


def test_a_constant_of_a_reply_is_no_answer_of_the_model() -> None:
    release = {"from": "Release", "constant": "2004-05"}
    rules = compiled(answer={}, **source(answer={"decision": "Decision", "release": release}))
    assert rules.answer_fields == rules.outputs == ("decision",)
