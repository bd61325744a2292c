"""Whatever fits a rich schema survives being written and read; libxml2 finds it valid and zeep reads the same."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zeep
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from zeep.helpers import serialize_object

from adapters.soap.wsdl import Operation, load
from gateway.contract import Raw, Values
from tests.unit.adapters.soap.wsdls import body_type, called, valid, written

TYPES = """<xs:simpleType name="Grade"><xs:restriction base="xs:string"><xs:enumeration value="A"/>
<xs:enumeration value="B"/></xs:restriction></xs:simpleType>
<xs:simpleType name="Money"><xs:restriction base="xs:decimal"><xs:totalDigits value="12"/>
<xs:fractionDigits value="2"/></xs:restriction></xs:simpleType>
<xs:simpleType name="Codes"><xs:list itemType="xs:int"/></xs:simpleType>
<xs:complexType name="Sum"><xs:simpleContent><xs:extension base="t:Money"><xs:attribute name="cur" type="xs:string"
use="required"/></xs:extension></xs:simpleContent></xs:complexType>
<xs:complexType name="Node"><xs:sequence><xs:element name="Label" type="xs:string"/>
<xs:element name="Node" type="t:Node" minOccurs="0" maxOccurs="3"/></xs:sequence></xs:complexType>""" + body_type(
    """<xs:sequence><xs:element name="Text" type="xs:string"/><xs:element name="Number" type="xs:int"/>
<xs:element name="Exact" type="t:Money" minOccurs="0" nillable="true"/><xs:element name="Rough" type="xs:double"/>
<xs:element name="Flag" type="xs:boolean"/><xs:element name="Day" type="xs:date"/>
<xs:element name="Moment" type="xs:dateTime"/><xs:element name="Clock" type="xs:time" minOccurs="0"/>
<xs:element name="Bytes" type="xs:base64Binary"/><xs:element name="Hex" type="xs:hexBinary"/>
<xs:element name="Grade" type="t:Grade" maxOccurs="unbounded"/><xs:element name="Codes" type="t:Codes" minOccurs="0"/>
<xs:element name="Sum" type="t:Sum" minOccurs="0" maxOccurs="2"/><xs:element name="Tree" type="t:Node"/>
<xs:choice><xs:element name="One" type="xs:long"/><xs:sequence><xs:element name="Two" type="xs:string"/>
<xs:element name="Three" type="xs:string" minOccurs="0"/></xs:sequence></xs:choice></xs:sequence>
<xs:attribute name="kind" type="xs:token"/>"""
)

TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\ufffe\uffff", exclude_categories=("Cs", "Cc")), max_size=12
)
SPACED = st.one_of(TEXT, st.sampled_from(["\r\n", "\t x \n", "]]>", "<!--", "&amp;", " "]))
MONEY = st.integers(-(10**11), 10**11).map(lambda cents: Decimal(cents).scaleb(-2))
ZONES = st.one_of(st.none(), st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes))))
SUMS = st.fixed_dictionaries({"#text": MONEY, "@cur": SPACED})
NODES = st.recursive(
    st.fixed_dictionaries({"Label": SPACED}),
    lambda below: st.fixed_dictionaries({"Label": TEXT, "Node": st.lists(below, min_size=1, max_size=3)}),
    max_leaves=6,
)
CHOSEN = st.one_of(
    st.fixed_dictionaries({"One": st.integers(-(2**63), 2**63 - 1)}),
    st.fixed_dictionaries({"Two": TEXT}, optional={"Three": TEXT}),
)
FIELDS = st.fixed_dictionaries(
    {
        "Text": SPACED, "Number": st.integers(-(2**31), 2**31 - 1), "Rough": st.floats(allow_nan=False),
        "Flag": st.booleans(), "Day": st.dates(), "Moment": st.datetimes(timezones=ZONES),
        "Bytes": st.binary(max_size=9),
        "Hex": st.binary(max_size=9), "Grade": st.lists(st.sampled_from("AB"), min_size=1, max_size=4), "Tree": NODES,
    },
    optional={
        "Exact": st.one_of(st.none(), MONEY), "Clock": st.times(timezones=ZONES),
        "Codes": st.lists(st.integers(-9, 9), max_size=3), "Sum": st.lists(SUMS, min_size=1, max_size=2),
        "@kind": st.sampled_from(["", "x", "x y"]),
    },
)  # fmt: skip
PAYLOADS = st.builds(lambda fields, chosen: {**fields, **chosen}, FIELDS, CHOSEN)


@pytest.fixture(scope="module")
def wsdl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("wsdl"), TYPES)


@pytest.fixture(scope="module")
def rich(wsdl: Path) -> Operation:
    return load(wsdl).operations["Ask"]


@pytest.fixture(scope="module")
def peer(wsdl: Path) -> Any:
    return zeep.Client(str(wsdl))


@pytest.fixture(scope="module")
def read_by_zeep(peer: Any) -> Any:
    document = peer.wsdl
    output = document.services["S"].ports["P11"].binding.get("Ask").output

    def read(raw: Raw) -> Any:
        found = output._deserialize_body(etree.fromstring(raw.body).find("{*}Body"))
        return serialize_object(found["body"], dict)

    return read


@settings(max_examples=150, deadline=None)
@given(payload=PAYLOADS, version=st.sampled_from(["1.1", "1.2"]))
def test_what_is_written_is_valid_and_read_back_the_same(rich: Operation, payload: Any, version: str) -> None:
    reply = rich.codec.encode(Values(payload), called(rich, version))
    assert rich.codec.reply(reply) == Values(payload)
    valid(TYPES, reply)


@settings(max_examples=60, deadline=None)
@given(payload=PAYLOADS)
def test_zeep_reads_the_values_that_we_wrote(rich: Operation, read_by_zeep: Any, payload: Any) -> None:
    # zeep cannot read the second branch of a choice where that is a sequence.
    payload = {**{key: value for key, value in payload.items() if key not in ("Two", "Three")}, "One": 1}
    found = read_by_zeep(rich.codec.encode(Values(payload), called(rich)))
    for key in ("Number", "Rough", "Flag", "Day", "Moment", "Grade", "One"):
        assert found[key] == payload[key], key
    # For zeep, empty and absent are one.
    assert (found["Text"] or "", found["Bytes"] or b"") == (payload["Text"], payload["Bytes"])
    assert found.get("Exact") == payload.get("Exact")
    assert [(one["_value_1"], one["cur"]) for one in found["Sum"]] == [
        (one["#text"], one["@cur"]) for one in payload.get("Sum", [])
    ]


@settings(max_examples=60, deadline=None)
@given(payload=PAYLOADS)
def test_a_request_that_zeep_wrote_is_read_as_zeep_was_given_it(rich: Operation, peer: Any, payload: Any) -> None:
    # zeep writes the year 999 with three digits, which XML Schema does not allow.
    fields = {key: payload[key] for key in ("Number", "Flag", "Grade")} | {"Day": max(payload["Day"], date(1000, 1, 1))}
    message = peer.create_message(
        peer.service, "Ask", Text="x", Rough=1.5, Moment=datetime(2004, 5, 6), Bytes=b"x", Hex=b"ab",
        Tree={"Label": "l"}, One=5, **fields,
    )  # fmt: skip
    found = rich.codec.request(Raw(etree.tostring(message), "text/xml; charset=utf-8"))
    assert {key: found[key] for key in fields} == fields
    assert (found["Moment"], found["Tree"], found["One"]) == (datetime(2004, 5, 6), {"Label": "l"}, 5)
