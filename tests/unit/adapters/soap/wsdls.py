"""Small WSDLs around one type, and the messages that go with them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from adapters.soap.namespaces import ENVELOPES, MEDIA
from adapters.soap.wsdl import Contract, Operation, load
from gateway.contract import Call, Raw

NS = "urn:t"

SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t"
  elementFormDefault="qualified">{types}</xs:schema>"""

ELEMENTS = """<xs:element name="Ask" type="t:Body"/><xs:element name="Answer" type="t:Body"/>
<xs:element name="Trouble"><xs:complexType><xs:sequence><xs:element name="Code" type="xs:int"/></xs:sequence>
</xs:complexType></xs:element>"""

_BINDING = """<w:binding name="B{v}" type="t:P"><{s}:binding style="document"
  transport="http://schemas.xmlsoap.org/soap/http"/><w:operation name="Ask"><{s}:operation soapAction="urn:t/Ask"/>
  <w:input><{s}:body use="literal"/></w:input><w:output><{s}:body use="literal"/></w:output>
  <w:fault name="Trouble"><{s}:fault name="Trouble" use="literal"/></w:fault></w:operation></w:binding>"""

_WSDL = """<?xml version="1.0" encoding="UTF-8"?>
<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s11="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:s12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:t="urn:t" targetNamespace="urn:t">
<w:types>{schema}</w:types>
<w:message name="In"><w:part name="p" element="t:Ask"/></w:message>
<w:message name="Out"><w:part name="p" element="t:Answer"/></w:message>
<w:message name="Trouble"><w:part name="p" element="t:Trouble"/></w:message>
<w:portType name="P"><w:operation name="Ask"><w:input message="t:In"/><w:output message="t:Out"/>
  <w:fault name="Trouble" message="t:Trouble"/></w:operation></w:portType>
{bindings}
<w:service name="S"><w:port name="P11" binding="t:B11"><s11:address location="http://old/one"/></w:port>
<w:port name="P12" binding="t:B12"><s12:address location="http://old/two"/></w:port></w:service>
</w:definitions>"""


def body_type(content: str) -> str:
    """The complex type that both request and response have."""
    return f'<xs:complexType name="Body">{content}</xs:complexType>'


def written(folder: Path, types: str) -> Path:
    """A WSDL whose schema has these types, among them `Body`."""
    bindings = _BINDING.format(v="11", s="s11") + _BINDING.format(v="12", s="s12")
    path = folder / "service.wsdl"
    path.write_text(_WSDL.format(schema=SCHEMA.format(types=types + ELEMENTS), bindings=bindings), "utf-8")
    return path


def compiled(folder: Path, types: str) -> Contract:
    """The contract of a WSDL whose schema has these types, among them `Body`."""
    return load(written(folder, types))


def operation(folder: Path, types: str) -> Operation:
    """The only operation of such a WSDL."""
    return compiled(folder, types).operations["Ask"]


def enveloped(content: str, version: str = "1.1") -> Raw:
    """A message with this in its Body."""
    text = f'<e:Envelope xmlns:e="{ENVELOPES[version]}"><e:Body>{content}</e:Body></e:Envelope>'
    return Raw(text.encode(), MEDIA[version], 200)


def ask(content: str, version: str = "1.1", attributes: str = "") -> Raw:
    """A request with this content, prefix `t` and `xsi` declared."""
    return enveloped(_element("Ask", content, attributes), version)


def answer(content: str, version: str = "1.1") -> Raw:
    """A reply with this content."""
    return enveloped(_element("Answer", content, ""), version)


def _element(name: str, content: str, attributes: str) -> str:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    return f'<t:{name} xmlns:t="urn:t" {xsi}{attributes}>{content}</t:{name}>'


def called(one: Operation, version: str = "1.1") -> Call:
    """A call of the operation; its content does not matter."""
    return Call("soap", one.name, ask("", version), one.codec, timeout=60)


def valid(types: str, raw: Raw) -> None:
    """Asserts that libxml2 finds the Body's child valid against the same schema."""
    child = etree.fromstring(raw.body).find("{*}Body")[0]
    _validator(types).assertValid(etree.fromstring(etree.tostring(child)))


@cache
def _validator(types: str) -> Any:
    return etree.XMLSchema(etree.fromstring(SCHEMA.format(types=types + ELEMENTS)))


Fields = Mapping[str, Any]
