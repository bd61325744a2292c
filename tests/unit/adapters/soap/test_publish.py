"""The WSDL that clients get is the operator's own bytes with only addresses and local links changed."""

from pathlib import Path

import pytest
import zeep

from adapters.soap.publish import Published
from adapters.soap.wsdl import load
from tests.unit.adapters.soap.test_constructs import one
from tests.unit.adapters.soap.wsdls import written

HERE = "http://gateway:8080/soap/a?x=1&y='2'"
ESCAPED = "http://gateway:8080/soap/a?x=1&amp;y=&apos;2&apos;"
MAIN = """\ufeff<?xml version="1.0" encoding="utf-8"?>\r\n<!-- location="lie" <s:address location="lie"/> -->
<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:h="http://schemas.xmlsoap.org/wsdl/http/" xmlns:t="urn:t" targetNamespace="urn:t">
<w:documentation><s:address location='in words'/>&lt;s:address location="text"/&gt;</w:documentation>
<w:import namespace='urn:t'  location = 'parts/abstract.wsdl' />
<w:binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
<w:operation name="Ask"><s:operation soapAction="a"/><w:input><s:body use="literal"/></w:input>
<w:output><s:body use="literal"/></w:output></w:operation></w:binding>
<w:service name="S"><w:port name="P" binding="t:B"><s:address  location = 'http://old/"a"' /></w:port>
<w:port name="H" binding="t:H"><h:address location="http://old/h"></h:address></w:port></w:service></w:definitions>
"""
ABSTRACT = """<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:t" targetNamespace="urn:t">
<w:types><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t"><xs:include
schemaLocation="types.xsd"/><xs:import namespace="urn:far" schemaLocation="http://127.0.0.1:9/far.xsd"/></xs:schema></w:types>
<w:message name="M"><w:part name="p" element="t:Ask"/></w:message>
<w:portType name="P"><w:operation name="Ask"><w:input message="t:M"/><w:output message="t:M"/></w:operation>
</w:portType>
</w:definitions>"""
TYPES = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="../parts/types.xsd"/>
<xs:element name="Ask" type="xs:string"/></xs:schema>"""


@pytest.fixture
def published(tmp_path: Path) -> Published:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/abstract.wsdl").write_text(ABSTRACT)
    (tmp_path / "parts/types.xsd").write_text(TYPES)
    (tmp_path / "secret.xsd").write_text("<secret/>")
    path = tmp_path / "main.wsdl"
    path.write_bytes(MAIN.encode())
    return Published(load(path), path)


def test_only_addresses_and_local_links_change(published: Published) -> None:
    expected = (
        MAIN.replace("'http://old/\"a\"'", f"'{ESCAPED}'").replace('"http://old/h"', f'"{ESCAPED}"')
        .replace("'in words'", f"'{ESCAPED}'").replace("'parts/abstract.wsdl'", f"'{ESCAPED}?import=1'")
    )  # fmt: skip
    assert published.document("wsdl", HERE) == expected.encode()


def test_imports_are_served_and_what_is_remote_is_left_alone(published: Published) -> None:
    assert (
        published.document("import=1", "http://g/s")
        == ABSTRACT.replace('"types.xsd"', '"http://g/s?import=2"').encode()
    )
    assert (
        published.document("import=2", "http://g/s")
        == TYPES.replace('"../parts/types.xsd"', '"http://g/s?import=2"').encode()
    )


@pytest.mark.parametrize("query", ["wsdl", "WSDL", "Wsdl", "wsdl="])
def test_the_wsdl_is_asked_for_in_any_case(published: Published, query: str) -> None:
    assert published.document(query, "http://g/s") is not None


@pytest.mark.parametrize(
    "query",
    [
        "", "singleWsdl", "xsd=1", "xsd=xsd0", "import=", "import=0", "import=3", "import=-1", "import=999999999999",
        "import=../secret.xsd", "import=secret.xsd", "import=%2e%2e%2fsecret.xsd", "import=parts/types.xsd",
        "import=\u00b2", "import=1&import=2", "wsdl&import=1", "wsdl=../secret.xsd", "%00",
    ],
)  # fmt: skip
def test_nothing_else_is_served(published: Published, query: str) -> None:
    assert published.document(query, "http://g/s") is None


def test_a_wsdl_in_latin_1_stays_in_latin_1(tmp_path: Path) -> None:
    path = written(tmp_path, one("xs:int"))
    text = path.read_text().replace("UTF-8", "ISO-8859-1").replace("<w:types>", "<!-- \u00e9 --><w:types>")
    path.write_bytes(text.encode("latin-1"))
    expected = text.replace("http://old/one", "http://g/s").replace("http://old/two", "http://g/s")
    assert Published(load(path), path).document("wsdl", "http://g/s") == expected.encode("latin-1")


def test_zeep_finds_our_address_in_what_is_published(tmp_path: Path) -> None:
    path = written(tmp_path, one("xs:int"))
    served = tmp_path / "served.wsdl"
    served.write_bytes(Published(load(path), path).document("wsdl", HERE) or b"")
    document = zeep.Client(str(served)).wsdl
    ports = document.services["S"].ports
    assert {port.binding_options["address"] for port in ports.values()} == {HERE}
