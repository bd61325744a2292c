"""A WSDL becomes operations that can be served and a reason for each that cannot; zeep finds the same operations."""

from pathlib import Path

import pytest
import zeep
from lxml import etree

import gateway.examples.credit as example
from adapters.soap.wsdl import Contract, load
from gateway.contract import Call, ConfigError, Raw, Values
from tests.unit.adapters.soap.test_constructs import one
from tests.unit.adapters.soap.wsdls import compiled, enveloped, written

HEAD = """<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
 xmlns:s12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t"
 xmlns:h="http://schemas.xmlsoap.org/wsdl/http/" targetNamespace="urn:t">"""


def definitions(schema: str, messages: dict[str, str], operations: dict[str, tuple[str, str]], bound: str) -> str:
    """A WSDL with one SOAP 1.1 binding, whose operations are `bound`."""
    parts = "".join(f'<w:message name="{name}">{content}</w:message>' for name, content in messages.items())
    abstract = "".join(
        f'<w:operation name="{name}">'
        + (f'<w:input message="t:{sides[0]}"/>' if sides[0] else "")
        + (f'<w:output message="t:{sides[1]}"/>' if sides[1] else "")
        + "</w:operation>"
        for name, sides in operations.items()
    )
    return (
        f'{HEAD}<w:types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified">{schema}'
        "</xs:schema></w:types>"
        f'{parts}<w:portType name="P">{abstract}</w:portType><w:binding name="B" type="t:P">'
        f'<s:binding transport="http://schemas.xmlsoap.org/soap/http"/>{bound}</w:binding>'
        '<w:service name="S"><w:port name="P" binding="t:B"><s:address location="http://x/"/></w:port></w:service>'
        "</w:definitions>"
    )


def bound(name: str, body: str = '<s:body use="literal"/>', style: str = "document", action: str = "") -> str:
    return (
        f'<w:operation name="{name}"><s:operation soapAction="{action}" style="{style}"/><w:input>{body}</w:input>'
        f"<w:output>{body}</w:output></w:operation>"
    )


SCHEMA = """<xs:element name="Good" type="xs:string"/><xs:element name="Bad" type="t:Nowhere"/>
<xs:element name="Worse"><xs:complexType><xs:sequence><xs:element name="Deep" type="t:Holder"/></xs:sequence>
</xs:complexType></xs:element><xs:complexType name="Holder"><xs:sequence>
<xs:element ref="t:Gone"/></xs:sequence></xs:complexType>"""
MESSAGES = {
    "Good": '<w:part name="p" element="t:Good"/>', "Bad": '<w:part name="p" element="t:Bad"/>',
    "Worse": '<w:part name="p" element="t:Worse"/>', "Missing": '<w:part name="p" element="t:Missing"/>',
    "Typed": '<w:part name="p" type="xs:string"/>', "Empty": "",
    "Two": '<w:part name="p" element="t:Good"/><w:part name="q" element="t:Good"/>',
}  # fmt: skip
OPERATIONS = {
    "Good": ("Good", "Good"), "Bad": ("Bad", "Good"), "Worse": ("Good", "Worse"), "WorseToo": ("Good", "Worse"),
    "Missing": ("Missing", "Good"),
    "Typed": ("Typed", "Good"), "Empty": ("Empty", "Good"), "Two": ("Two", "Good"), "Notice": ("", "Good"),
    "Encoded": ("Typed", "Typed"), "DocumentEncoded": ("Good", "Good"),
    "Foreign": ("Typed", "Typed"), "NoMessage": ("Nothing", "Good"), "Unbound": ("Good", "Good"),
}  # fmt: skip
ENCODED = '<s:body use="encoded" namespace="urn:t"/>'
FOREIGN = '<s:body use="encoded" namespace="urn:t" encodingStyle="urn:own-encoding"/>'
OTHERWISE = ("Encoded", "DocumentEncoded", "Foreign", "Unbound")
BOUND = "".join([
    *(bound(name) for name in OPERATIONS if name not in OTHERWISE), bound("Encoded", ENCODED, "rpc"),
    bound("DocumentEncoded", ENCODED), bound("Foreign", FOREIGN, "rpc"), bound("Undeclared"),
])  # fmt: skip


@pytest.fixture
def partly(tmp_path: Path) -> Contract:
    path = tmp_path / "partly.wsdl"
    path.write_text(definitions(SCHEMA, MESSAGES, OPERATIONS, BOUND))
    return load(path)


def test_bad_operations_leave_the_good_one_served(partly: Contract) -> None:
    assert list(partly.operations) == ["Good", "Encoded"]
    assert partly.operations["Good"].codec.request(enveloped('<t:Good xmlns:t="urn:t">x</t:Good>')) == {"#text": "x"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Bad", "type {urn:t}Nowhere is not declared"), ("Worse", "element {urn:t}Gone is not declared"),
        ("WorseToo", "element {urn:t}Gone is not declared"),
        ("Missing", "element {urn:t}Missing is not declared"), ("Typed", "names a type"), ("Empty", "0 parts"),
        ("Two", "2 parts"), ("Notice", "no input"), ("DocumentEncoded", "document/encoded"),
        ("Foreign", "urn:own-encoding"), ("NoMessage", "message Nothing"),
        ("Unbound", "No SOAP port binds"), ("Undeclared", "does not declare it"),
    ],
)  # fmt: skip
def test_each_operation_that_cannot_be_served_says_why(partly: Contract, name: str, reason: str) -> None:
    assert reason in partly.unserved[name]


def test_every_operation_of_the_wsdl_is_either_served_or_not(partly: Contract) -> None:
    root = etree.fromstring(definitions(SCHEMA, MESSAGES, OPERATIONS, BOUND).encode())
    named = {node.get("name") for node in root.iter("{http://schemas.xmlsoap.org/wsdl/}operation")}
    assert named == set(partly.operations) | set(partly.unserved)
    assert not set(partly.operations) & set(partly.unserved)


def test_ports_of_both_versions_are_one_operation(tmp_path: Path) -> None:
    contract = compiled(tmp_path, one("xs:int"))
    found = contract.operations["Ask"]
    assert (found.versions, found.ports, found.service) == (("1.1", "1.2"), ("P11", "P12"), "S")
    assert (found.request, found.response, found.faults) == (
        ("urn:t", "Ask"), ("urn:t", "Answer"), {"Trouble": ("urn:t", "Trouble")}
    )  # fmt: skip
    assert (found.style, found.soap_action, contract.unserved) == ("document", "urn:t/Ask", {})


def test_operations_are_found_by_element_and_by_action(tmp_path: Path) -> None:
    contract = compiled(tmp_path, one("xs:int"))
    found = contract.operations["Ask"]
    assert contract.by_element(("urn:t", "Ask")) is found
    assert contract.by_element(("", "Ask")) is None
    assert contract.by_action('"urn:t/Ask"') is contract.by_action(" urn:t/Ask ") is found
    assert contract.by_action('""') is contract.by_action("") is contract.by_action("x") is None


def test_what_names_two_operations_names_none(tmp_path: Path) -> None:
    path = tmp_path / "same.wsdl"
    both = {"A": ("Good", "Good"), "B": ("Good", "Good")}
    path.write_text(definitions(SCHEMA, MESSAGES, both, bound("A", action="same") + bound("B", action="same")))
    contract = load(path)
    assert set(contract.operations) == {"A", "B"}
    assert contract.by_element(("urn:t", "Good")) is contract.by_action("same") is None


def test_zeep_finds_the_same_operations(tmp_path: Path) -> None:
    path = written(tmp_path, one("xs:int"))
    document = zeep.Client(str(path)).wsdl
    ports = document.services["S"].ports.values()
    assert {name for port in ports for name in port.binding.all()} == set(load(path).operations)


RPC = {
    "Ask": '<w:part name="a" type="xs:int"/><w:part name="b" type="t:Row"/>',
    "Reply": '<w:part name="r" type="xs:int"/>',
}
ROW = '<xs:complexType name="Row"><xs:sequence><xs:element name="Id" type="xs:int"/></xs:sequence></xs:complexType>'


def test_rpc_literal_wraps_its_parts_in_the_operations_name(tmp_path: Path) -> None:
    path = tmp_path / "rpc.wsdl"
    body = '<s:body use="literal" namespace="urn:rpc"/>'
    path.write_text(definitions(ROW, RPC, {"Ask": ("Ask", "Reply")}, bound("Ask", body, "rpc")))
    found = load(path).operations["Ask"]
    raw = enveloped('<r:Ask xmlns:r="urn:rpc"><a>1</a><b><t:Id xmlns:t="urn:t">2</t:Id></b></r:Ask>')
    assert found.codec.request(raw) == {"a": 1, "b": {"Id": 2}}
    reply = found.codec.encode(Values({"r": 5}), Call("s", "Ask", raw, found.codec, timeout=60))
    assert b"<ns0:AskResponse " in reply.body
    assert found.response == ("urn:rpc", "AskResponse")
    assert found.codec.reply(reply) == Values({"r": 5})


def test_headers_declared_beside_the_body_are_no_parts_of_it(tmp_path: Path) -> None:
    path = tmp_path / "headers.wsdl"
    body = '<s:header message="t:Two" part="q" use="literal"/><s:body use="literal"/>'
    path.write_text(definitions(SCHEMA, MESSAGES, {"A": ("Two", "Two")}, bound("A", body)))
    assert load(path).operations["A"].request == ("urn:t", "Good")


def test_a_chameleon_include_takes_the_namespace_of_who_includes_it(tmp_path: Path) -> None:
    (tmp_path / "types.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">'
        '<xs:element name="Good" type="Row"/><xs:complexType name="Row"><xs:sequence>'
        '<xs:element name="Id" type="xs:int"/></xs:sequence></xs:complexType></xs:schema>'
    )
    path = tmp_path / "main.wsdl"
    schema = '<xs:include schemaLocation="types.xsd"/>'
    path.write_text(definitions(schema, MESSAGES, {"Good": ("Good", "Good")}, bound("Good")))
    contract = load(path)
    raw = enveloped('<t:Good xmlns:t="urn:t"><t:Id>1</t:Id></t:Good>')
    assert contract.operations["Good"].codec.request(raw) == {"Id": 1}
    assert [document.name for document in contract.documents] == ["main.wsdl", "types.xsd"]


def test_an_import_whose_namespace_is_wrong_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "t.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">'
        '<xs:element name="Good" type="xs:int"/></xs:schema>'
    )
    path = tmp_path / "main.wsdl"
    text = definitions('<xs:import namespace="urn:wrong" schemaLocation="t.xsd"/>', MESSAGES, OPERATIONS, bound("Good"))
    path.write_text(text)
    assert list(load(path).operations) == ["Good"]


def test_an_extension_that_contains_its_own_base_type_is_whole(tmp_path: Path) -> None:
    types = """<xs:complexType name="Base"><xs:sequence><xs:element name="A" type="xs:int"/>
<xs:element name="More" type="t:Body" minOccurs="0"/></xs:sequence></xs:complexType><xs:complexType name="Body">
<xs:complexContent><xs:extension base="t:Base"><xs:sequence>
<xs:element name="B" type="t:Base" minOccurs="0"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>"""
    codec = compiled(tmp_path, types).operations["Ask"].codec
    inner = "<t:A>2</t:A><t:B><t:A>3</t:A></t:B>"
    raw = enveloped(f'<t:Ask xmlns:t="urn:t"><t:A>1</t:A><t:More>{inner}</t:More></t:Ask>')
    payload = {"A": 1, "More": {"A": 2, "B": {"A": 3}}}
    assert codec.request(raw) == payload
    reply = codec.encode(Values(payload), Call("s", "Ask", raw, codec, timeout=60))
    assert codec.reply(reply) == Values(payload)


LINK = '<w:import namespace="urn:x" location="{}"/>'
BROKEN = [
    ("not there", None, "cannot be read"),
    ("not XML", "<w:definitions", "not well-formed"),
    ("a DOCTYPE", "<!DOCTYPE x [<!ENTITY e 'x'>]>" + HEAD + "</w:definitions>", "DOCTYPE"),
    ("no operations", HEAD + "</w:definitions>", "no operation that a SOAP port binds"),
    ("an import over http", HEAD + LINK.format("http://127.0.0.1:9/x.wsdl") + "</w:definitions>", "over a network"),
    ("an import over ftp", HEAD + LINK.format("ftp://x/x.wsdl") + "</w:definitions>", "over a network"),
    ("an import that is missing", HEAD + LINK.format("gone.wsdl") + "</w:definitions>", "gone.wsdl cannot be read"),
    ("an undeclared prefix",
     HEAD + '<w:service name="S"><w:port name="P" binding="q:B"/></w:service></w:definitions>', "prefix"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_wsdl_that_cannot_be_used_is_a_sentence_for_the_operator(
    text: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "broken.wsdl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load(path)
    assert str(caught.value).endswith(".")


def test_a_remote_schema_is_not_fetched_and_named_where_it_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "main.wsdl"
    schema = SCHEMA + '<xs:import namespace="urn:far" schemaLocation="http://127.0.0.1:9/far.xsd"/>'
    operations = {name: OPERATIONS[name] for name in ("Good", "Missing")}
    path.write_text(definitions(schema, MESSAGES, operations, bound("Good") + bound("Missing")))
    contract = load(path)
    assert list(contract.operations) == ["Good"]
    assert "http://127.0.0.1:9/far.xsd (not fetched)" in contract.unserved["Missing"]


def test_a_wsdl_of_which_nothing_can_be_served_is_loaded_and_passed_through(tmp_path: Path) -> None:
    path = tmp_path / "bad.wsdl"
    path.write_text(definitions(SCHEMA, MESSAGES, {"Bad": ("Bad", "Bad")}, bound("Bad")))
    contract = load(path)
    assert contract.operations == {}
    assert "Nowhere" in contract.unserved["Bad"]


def test_a_call_with_bytes_of_no_use_keeps_its_first_error(tmp_path: Path) -> None:
    found = compiled(tmp_path, one("xs:int")).operations["Ask"]
    call = Call("s", "Ask", Raw(b"no"), found.codec, timeout=60)
    errors = []
    for _ in range(2):
        with pytest.raises(Exception, match="not well-formed") as caught:
            _ = call.payload
        errors.append(caught.value)
    assert errors[0] is errors[1]


def test_the_example_is_served_whole() -> None:
    contract = load(Path(example.__file__).with_name("loans.wsdl"))
    assert contract.unserved == {}
    assert set(contract.operations) == {"ScoreLoan", "ScoreBatch", "GetTariff", "Ping"}
    assert [document.name for document in contract.documents] == ["loans.wsdl", "loans.xsd", "codes.xsd"]
