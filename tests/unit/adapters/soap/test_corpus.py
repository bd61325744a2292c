"""Each defect and each layout of the corpus: what is served, what is put right, and why the rest is passed through."""

from pathlib import Path
from typing import Any

import pytest

from adapters.soap import explain
from adapters.soap.publish import Published
from adapters.soap.wsdl import load
from gateway.contract import Opaque, Raw, Refusal, Undecodable, Unencodable, Values
from tests.unit.adapters.soap.wsdls import enveloped

CORPUS = Path(__file__).with_name("corpus")

REASONS = {
    "Lost": "lost.xsd (no such file)",
    "Far": "far.xsd (not fetched)",
    "Misspelt": "'elment'",
    "Unprefixed": "nope:Row",
    "Cased": "XMLSchema}Int is not declared",
    "Aimless": "without end",
    "Occurs": "'many'",
    "Facet": "'ten'",
    "Typed": "names a type",
    "Two": "2 parts",
    "None": "0 parts",
    "NoMessage": "message Absent",
    "Notice": "no input",
    "Twice": "overloading",
    "Unbound": "No SOAP port",
    "Undeclared": "does not declare it",
}


def test_one_good_operation_is_served_beside_every_kind_of_bad_one() -> None:
    contract = load(CORPUS / "partly.wsdl")
    assert list(contract.operations) == ["Good"]
    assert contract.unserved.keys() == REASONS.keys()


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_what_cannot_be_served_is_named_with_its_reason(name: str, reason: str) -> None:
    assert reason in load(CORPUS / "partly.wsdl").unserved[name]


def test_operations_of_one_name_are_told_apart_by_service_and_port() -> None:
    contract = load(CORPUS / "several.wsdl")
    assert set(contract.operations) == {"Ping", "Scoring.Score", "Archive.Old.Score", "Archive.Rpc.Score"}
    assert contract.operations["Scoring.Score"].ports == ("New", "New12", "New")
    assert contract.by_element(("urn:several", "OldScore")) is contract.operations["Archive.Old.Score"]
    assert contract.by_element(("urn:rpc", "Score")) is contract.operations["Archive.Rpc.Score"]


def test_an_import_that_states_another_namespace_is_put_right_and_said() -> None:
    contract = load(CORPUS / "renamed.wsdl")
    codec = contract.operations["Score"].codec
    assert codec.request(
        enveloped('<r:Score xmlns:r="urn:renamed"><n:Id xmlns:n="urn:version2">1</n:Id></r:Score>')
    ) == {"Id": 1}
    assert contract.repairs == (
        "renamed.wsdl: the import of renamed.xsd states 'urn:version1', which is 'urn:version2'.",
    )


def test_well_known_prefixes_are_declared_where_they_are_not() -> None:
    path = CORPUS / "prefixes.wsdl"
    contract = load(path)
    assert contract.unserved == {}
    assert [repair.split("'")[1] for repair in contract.repairs] == ["xsd", "soap"]
    served = Published(contract, path).document("wsdl", "http://new/")
    assert served is not None
    assert b'location="http://new/"' in served


def test_a_redefined_type_is_made_of_what_it_was() -> None:
    codec = load(CORPUS / "folders/main.wsdl").operations["Score"].codec
    xml = (
        '<y:Score xmlns:y="urn:types" early="1" late="2"><y:Applicant><y:Name>n</y:Name><y:Age>7</y:Age></y:Applicant>'
        '<y:Money><Amount>1.50</Amount></y:Money><c:Purpose xmlns:c="urn:codes">A</c:Purpose><y:Code>B</y:Code>'
        "<y:Early>1</y:Early><y:Late>2</y:Late></y:Score>"
    )
    found = codec.request(enveloped(xml))
    assert found["Applicant"] == {"Name": "n", "Age": 7}
    assert (found["Early"], found["Late"], found["@early"], found["@late"]) == (1, 2, 1, 2)
    with pytest.raises(Unencodable, match="Code"):
        codec.ask({**found, "Code": "TOO LONG"})


ENC = (
    'xmlns:t="urn:encoded" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:e="http://schemas.xmlsoap.org/soap/encoding/"'
)
ROW = '<Id xsi:type="xsd:int">1</Id><Name xsi:type="xsd:string">n</Name><Sum xsi:nil="1"/>'


def encoded(name: str, content: str, more: str = "") -> Raw:
    return enveloped(f"<t:{name} {ENC}>{content}</t:{name}>{more}")


def test_references_are_followed_wherever_they_lead() -> None:
    """Given an answer as Axis wrote it, its multiRef elements after the wrapper."""
    codec = load(CORPUS / "encoded.wsdl").operations["Struct"].codec
    more = (
        f'<multiRef {ENC} id="id0" e:root="0" xsi:type="t:Row">{ROW}<Codes href="#id1"/></multiRef>'
        f'<multiRef {ENC} id="id1" xsi:type="e:Array" e:arrayType="xsd:string[2]"><x>a</x><x href="#id2"/></multiRef>'
        f'<multiRef {ENC} id="id2" xsi:type="xsd:string">b</multiRef>'
    )
    assert codec.request(encoded("Struct", '<row href="#id0"/>', more)) == {
        "row": {"Id": 1, "Name": "n", "Sum": None, "Codes": ["a", "b"]}
    }


def test_a_derived_type_and_arrays_of_both_versions_are_read() -> None:
    codec = load(CORPUS / "encoded.wsdl").operations["Struct"].codec
    body = f'<row xsi:type="t:WideRow">{ROW}<Codes e:arrayType="xsd:string[0]"/><More>true</More></row>'
    assert codec.request(encoded("Struct", body))["row"]["@xsi:type"] == "WideRow"
    new = 'xmlns:n="http://www.w3.org/2003/05/soap-encoding"'
    body = (
        f'<row {new}>{ROW}<Codes n:itemType="xsd:string" n:arraySize="2"><i n:id="a">x</i><i n:ref="a"/></Codes></row>'
    )
    assert codec.request(encoded("Struct", body))["row"]["Codes"] == ["x", "x"]


HOSTILE = [
    ("a circle", '<row href="#a"/>', f'<m {ENC} id="a" href="#b"/><m {ENC} id="b" href="#a"/>', "too_deep"),
    ("an element in itself", '<row id="a"><Codes href="#a"/></row>', "", "missing_element"),
    ("nothing there", '<row href="#gone"/>', "", "dangling_reference"),
    (
        "a bomb",
        '<row href="#a0"/>',
        "".join(f'<m {ENC} id="a{n}">{f"""<x href="#a{n + 1}"/>""" * 10}</m>' for n in range(9))
        + f'<m {ENC} id="a9"/>',
        "too_large",
    ),
    (
        "a sparse array",
        f'<row>{ROW}<Codes><i e:position="[3]">a</i></Codes></row>'.replace("<Codes>", '<Codes e:offset="[2]">'),
        "",
        "invalid_value",
    ),
]


@pytest.mark.parametrize(("content", "more", "reason"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_references_that_are_no_message_are_refused(content: str, more: str, reason: str) -> None:
    codec = load(CORPUS / "encoded.wsdl").operations["Struct"].codec
    with pytest.raises(Undecodable) as caught:
        codec.request(encoded("Struct", content, more))
    assert caught.value.reason == reason


def test_encoded_answers_name_their_types(tmp_path: Path) -> None:
    operation = load(CORPUS / "encoded.wsdl").operations["Struct"]
    row = {"Id": 1, "Name": "n", "Sum": None, "Codes": ["a"]}
    old, new = (operation.codec.answer({"row": row}, version).body.decode() for version in ("1.1", "1.2"))
    assert ":StructResponse " in old and 'soap:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"' in old
    assert ':arrayType="' in old and ':string[1]"' in old and '<Sum xsi:nil="true"/>' in old
    assert ':arraySize="1"' in new and 'soap:encodingStyle="http://www.w3.org/2003/05/soap-encoding"' in new
    assert operation.codec.reply(Raw(old.encode(), "text/xml", 200)) == Values({"row": row})


def test_a_fault_whose_part_is_a_type_is_declared_all_the_same() -> None:
    codec = load(CORPUS / "encoded.wsdl").operations["Struct"].codec
    fault = "<e:Fault><faultcode>e:Server</faultcode><faultstring>x</faultstring><detail>%s</detail></e:Fault>"
    told = fault % '<t:trouble xmlns:t="urn:encoded"><Code>5</Code></t:trouble>'
    assert codec.reply(enveloped(told)) == Refusal("Trouble", "x", {"Code": 5})
    assert codec.reply(enveloped(fault % "<other/>")) == Opaque("fault:Server")


def test_an_order_that_the_schema_leaves_open_is_kept() -> None:
    codec = load(CORPUS / "constructs.wsdl").operations["RepeatedChoice"].codec
    xml = '<c:RepeatedChoice xmlns:c="urn:constructs"><c:B>x</c:B><c:A>1</c:A><c:B>y</c:B></c:RepeatedChoice>'
    found = codec.request(enveloped(xml))
    assert found == {"A": [1], "B": ["x", "y"], "#order": ["B", "A", "B"]}
    written = codec.ask(found).body.decode()
    assert written.index(">x<") < written.index(">1<") < written.index(">y<")
    with pytest.raises(Unencodable, match="#order"):
        codec.ask({**found, "#order": ["A", "B"]})


def test_zones_of_dates_and_fine_fractions_are_not_lost() -> None:
    codec = load(CORPUS / "constructs.wsdl").operations["Moments"].codec
    texts = {
        "Day": "2004-05-06+02:00",
        "Moment": "2004-05-06T07:08:09.1234567Z",
        "Clock": "07:08:09.7654321",
        "Span": "P1D",
        "Month": "2004-05",
    }
    xml = "".join(f"<c:{name}>{text}</c:{name}>" for name, text in texts.items())
    found = codec.request(enveloped(f'<c:Moments xmlns:c="urn:constructs">{xml}</c:Moments>'))
    written = codec.ask(found).body.decode()
    assert all(f">{text}<" in written for text in texts.values())


def test_the_report_has_every_operation_of_every_port() -> None:
    report = explain.report(CORPUS / "several.wsdl")
    assert [(one["service"], one["port"], one["name"], one["soap"]) for one in report["operations"]] == [
        ("Scoring", "New", "Scoring.Score", "1.1"),
        ("Scoring", "New12", "Scoring.Score", "1.2"),
        ("Mirror", "New", "Scoring.Score", "1.1"),
        ("Archive", "Old", "Archive.Old.Score", "1.1"),
        ("Archive", "Rpc", "Archive.Rpc.Score", "1.1"),
        ("Scoring", "New", "Ping", "1.1"),
        ("Scoring", "New12", "Ping", "1.2"),
        ("Mirror", "New", "Ping", "1.1"),
    ]
    assert all(one["served"] and one["reason"] is None for one in report["operations"])
    assert report["operations"][4]["style"] == "rpc/literal"


def test_a_file_that_does_not_load_says_why(tmp_path: Path) -> None:
    report: Any = explain.report(tmp_path / "gone.wsdl")
    assert (report["loads"], report["operations"]) == (False, [])
    assert "gone.wsdl cannot be read" in report["error"]
