"""Validation by the WSDL's own schemas: what is refused, what is only counted, and that our own answers are valid."""

import json
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from adapters.soap.documents import read_documents
from adapters.soap.served import Dress, ServedCodec
from adapters.soap.validity import Validator
from adapters.soap.wsdl import load
from gateway.contract import Call, ConfigError, Raw, Refusal, Undecodable, Unencodable, Values
from tests.load import envelopes
from tests.unit.adapters.soap import bank, wsdls

TYPES = wsdls.body_type("""<xs:sequence><xs:element name="Code"><xs:simpleType><xs:restriction base="xs:string">
<xs:pattern value="[A-Z]\\d{2}"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="Order" type="xs:int" minOccurs="0"/></xs:sequence>""")


def codec(folder: Path, *, enforce: bool) -> ServedCodec:
    operation = wsdls.operation(folder, TYPES)
    return ServedCodec(operation, Dress(validator=_validator(folder), enforce=enforce), 1 << 20)


def _validator(folder: Path) -> Validator:
    return Validator(read_documents(folder / "service.wsdl"))


def test_the_banks_messages_are_valid() -> None:
    validator = Validator(bank.contract().documents)
    reader = bank.contract().operations["ScoreLoan"].codec.reader
    for envelope in envelopes()[:100]:
        for body in (envelope, bank.ask(envelope).body):
            assert validator.problems(reader.root(body, "text/xml")) == ()
    [problem] = validator.problems(reader.root(envelopes()[0].replace(b"A11", b"A99"), "text/xml"))[:1]
    assert (problem.element, problem.rule) == ("Checking", "enumeration_valid")


def test_enforced_a_request_that_the_schema_forbids_is_undecodable_and_says_why(tmp_path: Path) -> None:
    one = codec(tmp_path, enforce=True)
    assert one.request(wsdls.ask("<t:Code>A12</t:Code>")) == {"Code": "A12"}
    for wrong in ("<t:Code>a12</t:Code>", "<t:Order>1</t:Order><t:Code>A12</t:Code>"):
        with pytest.raises(Undecodable, match="The schema does not allow this request") as caught:
            one.request(wsdls.ask(wrong))
        assert caught.value.reason == "invalid"


def test_enforced_an_answer_that_the_schema_forbids_does_not_go_out(tmp_path: Path) -> None:
    class Careless:
        """An operation's codec that writes what the schema forbids."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def answer(self, fields: Any, version: str) -> Raw:
            return wsdls.answer("<t:Code>a</t:Code>", version)

    one = codec(tmp_path, enforce=True)
    one._inner = Careless(one._inner)  # type: ignore[assignment]  # stands in for a defect of ours
    with pytest.raises(Unencodable, match="The schema does not allow this answer"):
        one.encode(Values({"Code": "A12"}), Call("s", "Ask", wsdls.ask(""), one, timeout=5))


def test_warned_it_is_let_through_and_logged_without_values_when_it_is_the_first_and_the_tenth(tmp_path: Path) -> None:
    structlog.reset_defaults()
    one = codec(tmp_path, enforce=False)
    noticed: list[str] = []
    one.noticed = noticed.append
    with capture_logs() as lines:
        for _ in range(25):
            assert one.request(wsdls.ask("<t:Code>secret</t:Code>")) == {"Code": "secret"}
    assert [(line["event"], line["element"], line["rule"], line["count"]) for line in lines] == [
        ("invalid_message", "Code", "pattern_valid", 1), ("invalid_message", "Code", "pattern_valid", 10),
    ]  # fmt: skip
    assert "secret" not in json.dumps(lines)
    assert noticed == ["invalid_request"] * 25


def test_a_fault_of_ours_is_not_the_schemas_business(tmp_path: Path) -> None:
    one = codec(tmp_path, enforce=True)
    raw = one.encode(Refusal("Trouble", "no", {"Code": 1}), Call("s", "Ask", wsdls.ask(""), one, timeout=5))
    assert raw.status == 500


MANY = {
    "service.wsdl": """<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:t"
      xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" targetNamespace="urn:w" xmlns:w1="urn:w"><w:types>
      <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:o="urn:other" targetNamespace="urn:t"
        elementFormDefault="qualified"><xs:include schemaLocation="sub/more.xsd"/>
        <xs:element name="Ask" type="o:Far"/></xs:schema>
      <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:other" xmlns:t="urn:t">
        <xs:import namespace="urn:t"/><xs:complexType name="Far"><xs:sequence><xs:element ref="t:Near"/></xs:sequence>
        </xs:complexType></xs:schema></w:types>
      <w:message name="In"><w:part name="p" element="t:Ask"/></w:message>
      <w:message name="Out"><w:part name="p" element="t:Near"/></w:message>
      <w:portType name="P"><w:operation name="Ask"><w:input message="w1:In"/><w:output message="w1:Out"/></w:operation>
      </w:portType><w:binding name="B" type="w1:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
      <w:operation name="Ask"><s:operation soapAction=""/><w:input><s:body use="literal"/></w:input>
      <w:output><s:body use="literal"/></w:output></w:operation></w:binding></w:definitions>""",
    "sub/more.xsd": """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="../even.xsd"/>
      <xs:element name="Near" type="Length"/></xs:schema>""",
    "even.xsd": """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:simpleType name="Length">
      <xs:restriction base="xs:string"><xs:maxLength value="3"/></xs:restriction></xs:simpleType></xs:schema>""",
}


def test_inline_schemas_that_lean_on_each_other_and_take_on_namespaces_are_compiled(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name, text in MANY.items():
        (tmp_path / name).write_text(text)
    operation = load(tmp_path / "service.wsdl").operations["Ask"]
    one = ServedCodec(operation, Dress(validator=_validator(tmp_path), enforce=True), 1 << 20)
    near = '<t:Ask xmlns:t="urn:t"><t:Near>{}</t:Near></t:Ask>'
    assert one.request(wsdls.enveloped(near.format("abc"))) == {"Near": "abc"}
    with pytest.raises(Undecodable, match="Near"):
        one.request(wsdls.enveloped(near.format("abcd")))


def test_schemas_that_libxml2_cannot_compile_are_an_error_that_says_so(tmp_path: Path) -> None:
    path = wsdls.written(tmp_path, TYPES + '<xs:complexType name="Other"><xs:sequence><xs:element ref="t:Absent"/>'
                         "</xs:sequence></xs:complexType>")  # fmt: skip
    with pytest.raises(ConfigError, match="cannot be compiled for `validate`"):
        Validator(read_documents(path))
