"""Values are replaced in a reply's own bytes; every other byte stays, or the reply is not amended at all."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.soap.namespaces import SOAP11
from adapters.soap.wsdl import Operation
from gateway.contract import Raw, Unencodable, Values
from tests.unit.adapters.soap.wsdls import body_type, enveloped, operation

TYPES = """<xs:complexType name="Sum"><xs:simpleContent><xs:extension base="xs:decimal">
<xs:attribute name="cur" type="xs:string"/><xs:attribute ref="t:q"/></xs:extension></xs:simpleContent></xs:complexType>
<xs:attribute name="q" type="xs:int"/>
<xs:complexType name="Row"><xs:sequence><xs:element name="Id" type="xs:int"/></xs:sequence></xs:complexType>
<xs:complexType name="Wide"><xs:complexContent><xs:extension base="t:Row"><xs:sequence>
<xs:element name="W" type="xs:int"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>""" + body_type(
    """<xs:sequence><xs:element name="D" type="xs:string" minOccurs="0" nillable="true"/>
<xs:element name="N" type="xs:decimal" minOccurs="0"/>
<xs:element name="R" type="xs:string" minOccurs="0" maxOccurs="4"/>
<xs:element name="S" type="t:Sum" minOccurs="0"/><xs:element name="Row" type="t:Row" minOccurs="0" maxOccurs="9"/>
</xs:sequence>"""
)
XSI = "http://www.w3.org/2001/XMLSchema-instance"
HEAD = (
    '\r\n<?xml version="1.0" encoding="{encoding}"?>\n<!-- by hand: <t:D>lie</t:D> --><?pi <t:D> ?>\n'
    f"<e:Envelope xmlns:e='{SOAP11}'  xmlns:xsi='{XSI}' >\n <e:Header><D>header</D></e:Header><e:Body >\n"
    '<x:Answer xmlns:x="urn:t" note="a > b">'
)
TAIL = "\n</x:Answer ></e:Body>\t</e:Envelope>\n<!-- end \u00e9 -->"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Operation:
    return operation(tmp_path_factory.mktemp("wsdl"), TYPES)


def reply(content: str, encoding: str = "utf-8", codec: str = "utf-8") -> Raw:
    return Raw((HEAD.format(encoding=encoding) + content + TAIL).encode(codec), "text/xml", 200, ((b"x-a", b"1"),))


AMENDED: list[tuple[str, str, dict[Any, Any], str]] = [
    ("text", "<x:D>A</x:D>", {("D",): "R"}, "<x:D>R</x:D>"),
    ("escaped", "<x:D>A</x:D>", {("D",): "<&>"}, "<x:D>&lt;&amp;&gt;</x:D>"),
    ("CDATA", "<x:D> <![CDATA[</x:D>]]></x:D>", {("D",): "R"}, "<x:D>R</x:D>"),
    ("entities and comments", "<x:D>&#65;<!-- </x:D> -->&amp;</x:D>", {("D",): "R"}, "<x:D>R</x:D>"),
    ("other prefix and blanks",
     '<y:D  xmlns:y="urn:t" a=">" >A</y:D\n>', {("D",): "R"}, '<y:D  xmlns:y="urn:t" a=">" >R</y:D\n>'),
    ("default namespace", '<D xmlns="urn:t">A</D>', {("D",): "R"}, '<D xmlns="urn:t">R</D>'),
    ("no namespace where one is meant", "<D>A</D>", {("D",): "R"}, "<D>R</D>"),
    ("self-closing", "<x:D />", {("D",): "R"}, "<x:D >R</x:D>"),
    ("self-closing stays for an empty text", "<x:D/>", {("D",): ""}, "<x:D/>"),
    ("nil", '<x:D a="1" xsi:nil="true"/>', {("D",): "R"}, '<x:D a="1">R</x:D>'),
    ("nil with an end tag", "<x:D xsi:nil='1'></x:D>", {("D",): "R"}, "<x:D>R</x:D>"),
    ("nil stays nil", '<x:D xsi:nil="true"/>', {("D",): None}, '<x:D xsi:nil="true"/>'),
    ("two values", "<x:D>A</x:D><x:N>1</x:N>", {("N",): Decimal("2.50"), ("D",): "R"}, "<x:D>R</x:D><x:N>2.50</x:N>"),
    ("an item", "<x:R>a</x:R> <x:R>b</x:R>", {("R", 1): "c"}, "<x:R>a</x:R> <x:R>c</x:R>"),
    ("a whole list", "<x:R>a</x:R>\n<x:R>b</x:R>", {("R",): ["c", "d"]}, "<x:R>c</x:R>\n<x:R>d</x:R>"),
    ("a shorter list", "<x:R>a</x:R>\n <x:R>b</x:R>\n <x:R>c</x:R>", {("R",): ["d"]}, "<x:R>d</x:R>"),
    ("an empty list", "<x:N>1</x:N> <x:R>a</x:R>", {("R",): []}, "<x:N>1</x:N>"),
    ("no list stays no list", "<x:N>1</x:N>", {("R",): []}, "<x:N>1</x:N>"),
    ("a longer list", "<x:R>a</x:R>\n  <x:R k='1'/>", {("R",): ["b", "c", "d"]},
     "<x:R>b</x:R>\n  <x:R k='1'>c</x:R>\n  <x:R k='1'>d</x:R>"),
    ("simple content", '<x:S cur="DEM">1</x:S>', {("S", "#text"): Decimal("2")}, '<x:S cur="DEM">2</x:S>'),
    ("attribute",
     "<x:S  cur = 'a' >1</x:S>", {("S", "@cur"): "it's <\"&"}, "<x:S  cur = 'it&apos;s &lt;&quot;&amp;' >1</x:S>"),
    ("attribute with a namespace", '<x:S q="no" y:q="1" xmlns:y="urn:t">1</x:S>', {("S", "@q"): 7},
     '<x:S q="no" y:q="7" xmlns:y="urn:t">1</x:S>'),
    ("attribute and text",
     '<x:S cur="a">1</x:S>', {("S", "@cur"): "b", ("S", "#text"): Decimal(2)}, '<x:S cur="b">2</x:S>'),
    ("inside a list", "<x:Row><x:Id>1</x:Id></x:Row><x:Row><x:Id>2</x:Id></x:Row>", {("Row", 1, "Id"): 3},
     "<x:Row><x:Id>1</x:Id></x:Row><x:Row><x:Id>3</x:Id></x:Row>"),
    ("inside a derived type", '<x:Row xsi:type="x:Wide"><x:Id>1</x:Id><x:W>2</x:W></x:Row>', {("Row", 0, "W"): 3},
     '<x:Row xsi:type="x:Wide"><x:Id>1</x:Id><x:W>3</x:W></x:Row>'),
    ("nothing to change", "<x:D>A</x:D>", {}, "<x:D>A</x:D>"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("encoding", "codec"), [("utf-8", "utf-8"), ("utf-8", "utf-8-sig"), ("ISO-8859-1", "latin-1"), ("utf-16", "utf-16")]
)
@pytest.mark.parametrize(("before", "changes", "after"), [row[1:] for row in AMENDED], ids=[row[0] for row in AMENDED])
def test_only_the_value_changes(
    one: Operation, before: str, changes: dict[Any, Any], after: str, encoding: str, codec: str
) -> None:
    raw = reply(before, encoding, codec)
    assert one.codec.amend(raw, changes) == reply(after, encoding, codec)


def test_utf_16_with_the_big_end_first_keeps_its_order(one: Operation) -> None:
    raw = Raw(b"\xfe\xff" + enveloped('<Answer xmlns="urn:t"><D>a</D></Answer>').body.decode().encode("utf-16-be"))
    amended = one.codec.amend(raw, {("D",): "\u20ac"}).body
    assert amended == raw.body.replace(">a<".encode("utf-16-be"), ">\u20ac<".encode("utf-16-be"))


def test_a_character_that_the_encoding_lacks_is_written_as_a_reference(one: Operation) -> None:
    amended = one.codec.amend(reply("<x:D>A</x:D>", "ISO-8859-1", "latin-1"), {("D",): "\u20ac"})
    assert amended == reply("<x:D>&#8364;</x:D>", "ISO-8859-1", "latin-1")
    assert one.codec.reply(amended) == Values({"D": "\u20ac"})


REFUSED: list[tuple[str, str, dict[Any, Any]]] = [
    ("absent", "<x:N>1</x:N>", {("D",): "R"}),
    ("absent item", "<x:R>a</x:R>", {("R", 1): "R"}),
    ("negative index", "<x:R>a</x:R>", {("R", -1): "R"}),
    ("absent attribute", "<x:S>1</x:S>", {("S", "@cur"): "R"}),
    ("absent list", "<x:N>1</x:N>", {("R",): ["R"]}),
    ("unknown element", "<x:N>1</x:N>", {("Z",): "R"}),
    ("unknown attribute", '<x:S z="1">1</x:S>', {("S", "@z"): "R"}),
    ("beyond a leaf", "<x:N>1</x:N>", {("N", "Z"): "R"}),
    ("a group", "<x:Row><x:Id>1</x:Id></x:Row>", {("Row", 0): {"Id": 2}}),
    ("a list of groups", "<x:Row><x:Id>1</x:Id></x:Row>", {("Row",): [{"Id": 2}]}),
    ("a list without index", "<x:R>a</x:R>", {("R",): "R"}),
    ("a list too long", "<x:R>a</x:R>", {("R",): ["R"] * 5}),
    ("wrong type", "<x:N>1</x:N>", {("N",): "R"}),
    ("nil in place", "<x:D>A</x:D>", {("D",): None}),
    ("a character XML cannot carry", "<x:D>A</x:D>", {("D",): "\x00"}),
    ("elements where text is meant", "<x:D><x:N/></x:D>", {("D",): "R"}),
    ("list and item at once", "<x:R>a</x:R>", {("R",): ["b"], ("R", 0): "c"}),
    ("everything", "<x:D>A</x:D>", {(): "R"}),
]


@pytest.mark.parametrize(("before", "changes"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_cannot_be_replaced_in_place_is_refused(one: Operation, before: str, changes: dict[Any, Any]) -> None:
    with pytest.raises(Unencodable):
        one.codec.amend(reply(before), changes)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"no", b"<a/>", enveloped("").body, enveloped("<Other/>").body,
        b"<!DOCTYPE x>" + enveloped('<Answer xmlns="urn:t"><D/></Answer>').body,
        enveloped('<Answer xmlns="urn:t"><D>\xe9</D></Answer>').body.decode().encode("latin-1"),
    ],
)  # fmt: skip
def test_a_reply_that_is_not_understood_is_not_amended(one: Operation, body: bytes) -> None:
    with pytest.raises(Unencodable):
        one.codec.amend(Raw(body, "text/xml", 200), {("D",): "R"})


@given(before=st.lists(st.text("ab<&\u00e9 ", max_size=5), min_size=1, max_size=4), data=st.data())
def test_an_amended_reply_reads_as_asked(one: Operation, before: list[str], data: st.DataObject) -> None:
    def xml(values: list[str]) -> str:
        return "\n".join(f"<x:R>{value.replace('&', '&amp;').replace('<', '&lt;')}</x:R>" for value in values)

    after = data.draw(st.lists(st.text("ab<&\u00e9 ", max_size=5), max_size=4))
    found = one.codec.reply(one.codec.amend(reply(xml(before)), {("R",): after}))
    assert found == Values({"R": after} if after else {})


def test_what_was_given_is_not_changed(one: Operation, tmp_path: Path) -> None:
    raw = reply("<x:D>A</x:D>")
    body = bytes(raw.body)
    amended = one.codec.amend(raw, {("D",): "R"})
    assert (raw.body, amended.headers, amended.status, amended.media) == (body, raw.headers, raw.status, raw.media)
