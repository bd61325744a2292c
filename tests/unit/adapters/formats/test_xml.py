"""XML with and without a schema, and SOAP envelopes: typed, validated, safe, and amended without another byte."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway.examples.credit as example
from adapters.formats import Format, build
from adapters.formats.config import SoapSettings, XmlSettings
from gateway.contract import ConfigError, Undecodable, Unencodable
from gateway.contract import Path as PayloadPath

EXAMPLE = Path(str(example.__path__[0]))
SCHEMA = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:loans" xmlns="urn:loans"
           elementFormDefault="qualified">
  <xs:element name="Loan"><xs:complexType><xs:sequence>
    <xs:element name="Amount" type="xs:decimal"/>
    <xs:element name="Day" type="xs:date" minOccurs="0"/>
    <xs:element name="Line" maxOccurs="3"><xs:complexType><xs:sequence>
      <xs:element name="No" type="xs:int"/></xs:sequence><xs:attribute name="kind" type="xs:string"/>
    </xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="Code"><xs:simpleType><xs:restriction base="xs:string"><xs:maxLength value="2"/></xs:restriction>
  </xs:simpleType></xs:element>
</xs:schema>
"""
BODY = (
    b'<?xml version="1.0"?>\n<l:Loan xmlns:l="urn:loans"><!-- odd --><l:Amount >12.50</l:Amount>'
    b'<l:Line kind="a"><l:No>1</l:No></l:Line><l:Line><l:No>2</l:No></l:Line ></l:Loan>\n'
)


def plain(**settings: Any) -> Format:
    return build(XmlSettings.model_validate({"root": "Loan", **settings}), Path())


def typed(folder: Path, root: str = "{urn:loans}Loan", **settings: Any) -> Format:
    (folder / "loan.xsd").write_text(SCHEMA)
    return build(XmlSettings.model_validate({"root": root, "xsd": "loan.xsd", **settings}), folder)


def test_without_a_schema_all_is_text() -> None:
    payload = {"Amount": "12.50", "Line": [{"@kind": "a", "No": "1"}, {"No": "2"}]}
    assert plain().read(BODY) == payload
    assert plain(lists=["Amount"]).read(BODY)["Amount"] == ["12.50"]
    assert plain().read(plain().write(payload)) == payload
    assert plain(root="{urn:x}Loan").write(
        {"A": {"@b": 1, "#text": "<&>"}, "C": None, "D": [True, Decimal("1.0")]}
    ) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Loan xmlns="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        b'<A b="1">&lt;&amp;&gt;</A><C xsi:nil="true"/><D>true</D><D>1.0</D></Loan>'
    )


def test_with_a_schema_values_are_typed(tmp_path: Path) -> None:
    payload = {"Amount": Decimal("12.50"), "Line": [{"No": 1, "@kind": "a"}, {"No": 2}]}
    loan = typed(tmp_path)
    assert loan.read(BODY) == payload
    assert loan.read(loan.write({**payload, "Day": date(2004, 5, 6)})) == {**payload, "Day": date(2004, 5, 6)}
    assert typed(tmp_path, "{urn:loans}Code").read(b'<Code xmlns="urn:loans">AB</Code>') == {"#text": "AB"}
    assert typed(tmp_path, "{urn:loans}Code").write({"#text": "AB"}).endswith(b">AB</ns0:Code>")


@pytest.mark.parametrize("with_schema", [False, True])
def test_amending_keeps_every_other_byte(tmp_path: Path, with_schema: bool) -> None:
    loan = typed(tmp_path) if with_schema else plain()
    changes: dict[PayloadPath, Any] = {("Amount",): Decimal("7.5"), ("Line", 1, "No"): 9, ("Line", 0, "@kind"): 'b"'}
    expected = BODY.replace(b"12.50", b"7.5").replace(b">2<", b">9<").replace(b'"a"', b'"b&quot;"')
    assert loan.amend(BODY, changes) == expected
    wide = BODY.decode().encode("utf-16")
    assert loan.amend(wide, changes) == expected.decode().encode("utf-16")
    for path in [
        ("Day",),
        ("Line", 2, "No"),
        ("Line", "No"),
        ("Line", 0),
        ("Line", 1, "@kind"),
        (0,),
        ("Amount", "x"),
        (),
    ]:
        with pytest.raises(Unencodable):
            loan.amend(BODY, {path: "1"})


def test_an_empty_element_gets_its_value() -> None:
    assert plain().amend(b'<Loan><A/><B c=""/></Loan>', {("A",): "x", ("B", "@c"): "y", ("B", "#text"): ""}) == (
        b'<Loan><A>x</A><B c="y"></B></Loan>'
    )


@pytest.mark.parametrize("with_schema", [False, True])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed"), (b"<Loan>", "malformed"), (b"<!DOCTYPE a><Loan/>", "doctype"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Loan>&b;</Loan>', "doctype"), (b"<Loan>&b;</Loan>", "malformed"),
        (b'<?xml version="1.1"?><Loan/>', "malformed"), (b"<Loan" + b"<a>" * 100_000, "malformed"),
        (b"<Loan>" + b"<a>" * 100 + b"</a>" * 100 + b"</Loan>", "too_deep"), (b"<Other/>", "wrong_root"),
        (b"<Loan>" + b"x" * (1 << 20) + b"</Loan>", "too_large"), (b"<Loan>\xff</Loan>", "malformed"),
        (b'<?xml version="1.0" encoding="nonsense"?><Loan/>', "encoding"),
    ],
    ids=lambda value: repr(value[:24]),
)  # fmt: skip
def test_unsafe_or_broken_documents_are_undecodable(
    tmp_path: Path, with_schema: bool, body: bytes, reason: str
) -> None:
    with pytest.raises(Undecodable) as caught:
        (typed(tmp_path) if with_schema else plain()).read(body)
    assert caught.value.reason == reason


def test_mixed_content_is_refused_without_a_schema() -> None:
    with pytest.raises(Undecodable, match="A: has text between"):
        plain().read(b"<Loan><A>x<B/></A></Loan>")


def test_documents_must_be_valid(tmp_path: Path) -> None:
    code = typed(tmp_path, "{urn:loans}Code")
    for format, body in (
        (typed(tmp_path), BODY.replace(b"12.50", b"secret")),
        (typed(tmp_path), BODY.replace(b"12.50", b"1</l:Amount><l:Amount>2")),
        (code, b'<Code xmlns="urn:loans">secret</Code>'),
    ):
        with pytest.raises(Undecodable) as caught:
            format.read(body)
        assert caught.value.reason == "invalid" and "secret" not in str(caught.value)
    lenient = typed(tmp_path, validate=False)
    swapped = b'<Loan xmlns="urn:loans"><Line><No>1</No></Line><Amount>2</Amount></Loan>'
    assert lenient.read(swapped) == {"Amount": 2, "Line": [{"No": 1}]}
    with pytest.raises(Undecodable, match="does not meet the schema"):
        typed(tmp_path).read(swapped)
    with pytest.raises(Unencodable):
        code.write({"#text": "ABC"})


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"Amount": "x", "Line": []},
        {"Amount": 1, "Line": [{"No": 1}] * 4},
        {"Amount": 1, "Line": [{"No": 1}], "X": 1},
    ],
    ids=str,
)
def test_what_the_schema_does_not_have_is_unencodable(tmp_path: Path, payload: Any) -> None:
    with pytest.raises(Unencodable):
        typed(tmp_path).write(payload)


@pytest.mark.parametrize(
    "payload",
    [{"a b": 1}, {"@a b": 1}, {"a": b"x"}, {"a": "\0"}, {"@a": "\x01"}, {"a": float("nan")}, {"a": {1}}],
    ids=str,
)
def test_what_xml_cannot_hold_is_unencodable(payload: Any) -> None:
    with pytest.raises(Unencodable):
        plain().write(payload)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"root": "a b"}, "no element name"), ({"root": "Loan", "xsd": "none.xsd"}, "cannot be read"),
        ({"root": "{urn:loans}None", "xsd": "loan.xsd"}, "None"),
    ],
)  # fmt: skip
def test_settings_that_lead_nowhere_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    (tmp_path / "loan.xsd").write_text(SCHEMA)
    with pytest.raises(ConfigError, match=message):
        build(XmlSettings.model_validate(settings), tmp_path)


_text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=6
)
_values = st.recursive(
    _text, lambda inner: st.dictionaries(st.sampled_from(["A", "B", "C"]), inner, min_size=1, max_size=3), max_leaves=8
)


@given(
    st.dictionaries(st.sampled_from(["A", "B", "@c"]), _values, min_size=1).filter(
        lambda one: isinstance(one.get("@c", ""), str)
    )
)
def test_any_payload_comes_back(payload: dict[str, Any]) -> None:
    found = plain().read(plain().write(payload))
    assert found == payload or (payload.keys() == {"@c"} and found == {**payload, "#text": ""})


def soap(message: str, **settings: Any) -> Format:
    section = {"wsdl": "loans.wsdl", "operation": "ScoreLoan", "message": message, **settings}
    return build(SoapSettings.model_validate(section), EXAMPLE)


def test_soap_envelopes_go_through_the_soap_codec() -> None:
    answer = {
        "Result": {
            "ApplicationId": "GC-0001",
            "Decision": "A",
            "Score": 512,
            "DecidedOn": date(2004, 5, 6),
            "Reasons": {},
        }
    }
    response = soap("response")
    body = response.write(answer)
    assert response.media.startswith("text/xml")
    assert response.read(body, response.media) == answer
    amended = response.amend(body, {("Result", "Decision"): "R"})
    assert amended == body.replace(b">A<", b">R<")
    fault = {
        "fault": "InvalidApplication",
        "message": "No.",
        "detail": {"Field": "Age", "Code": "E1", "Message": "young"},
    }
    assert response.read(response.write(fault)) == fault
    with pytest.raises(Undecodable):
        soap("request").read(body)
    with pytest.raises(Undecodable):
        response.read(b"<html/>")
    with pytest.raises(Unencodable):
        response.write({"fault": "Unknown"})


def test_soap_requests_come_back() -> None:
    request = soap("request")
    with pytest.raises(Unencodable):
        request.write({"Application": {}})
    with pytest.raises(ConfigError, match="no operation None"):
        soap("request", operation="None")
