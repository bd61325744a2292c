"""Each construct of XML Schema: read as a payload, written back valid, and read again as the same payload."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.contract import Undecodable, Values
from tests.unit.adapters.soap.wsdls import Fields, answer, ask, body_type, called, operation, valid


def one(kind: str, extra: str = "") -> str:
    """A body with one element of a type."""
    return body_type(f'<xs:sequence><xs:element name="V" type="{kind}" {extra}/></xs:sequence>')


def v(text: str) -> str:
    return f"<t:V>{text}</t:V>"


_PLUS_TWO = timezone(timedelta(hours=2))
_MINUS = timezone(-timedelta(hours=3, minutes=30))

SCALARS = [
    ("xs:string", "a &amp; b", "a & b"),
    ("xs:string", "", ""),
    ("xs:string", "<![CDATA[<x>]]> &#65;", "<x> A"),
    ("xs:string", "a<!-- note -->b<?pi?>c", "abc"),
    ("xs:string", "  kept  ", "  kept  "),
    ("xs:normalizedString", " a\tb ", " a b "),
    ("xs:token", " a \n b ", "a b"),
    ("xs:token", "a\u00a0b", "a\u00a0b"),
    ("xs:int", " 42 ", 42),
    ("xs:int", "+7", 7),
    ("xs:integer", "123456789012345678901234567890", 123456789012345678901234567890),
    ("xs:unsignedByte", "255", 255),
    ("xs:decimal", "1.10", Decimal("1.10")),
    ("xs:decimal", " -.5 ", Decimal("-0.5")),
    ("xs:decimal", "12345678901234567890.123456789", Decimal("12345678901234567890.123456789")),
    ("xs:double", "0.87309999999999999", 0.8731),
    ("xs:double", "1e-3", 0.001),
    ("xs:double", "INF", float("inf")),
    ("xs:double", "-INF", float("-inf")),
    ("xs:float", "2.5", 2.5),
    ("xs:boolean", "1", True),
    ("xs:boolean", "false", False),
    ("xs:date", "2004-02-29", date(2004, 2, 29)),
    ("xs:date", "2004-02-29+02:00", date(2004, 2, 29)),
    ("xs:dateTime", "2004-05-06T07:08:09", datetime(2004, 5, 6, 7, 8, 9)),
    ("xs:dateTime", "2004-05-06T07:08:09.1234567Z", datetime(2004, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)),
    ("xs:dateTime", "2004-05-06T07:08:09.5+02:00", datetime(2004, 5, 6, 7, 8, 9, 500000, tzinfo=_PLUS_TWO)),
    ("xs:dateTime", "2004-05-06T07:08:09-03:30", datetime(2004, 5, 6, 7, 8, 9, tzinfo=_MINUS)),
    ("xs:dateTime", "2004-12-31T24:00:00", datetime(2005, 1, 1)),
    ("xs:time", "23:59:59.000001Z", time(23, 59, 59, 1, tzinfo=UTC)),
    ("xs:time", "24:00:00", time(0)),
    ("xs:duration", "P1Y2M3DT4H5M6.7S", "P1Y2M3DT4H5M6.7S"),
    ("xs:gYearMonth", "2004-05", "2004-05"),
    ("xs:base64Binary", "aGk\nh", b"hi!"),
    ("xs:base64Binary", "", b""),
    ("xs:hexBinary", "00fF", b"\x00\xff"),
    ("xs:anyURI", " http://x/?a=1&amp;b ", "http://x/?a=1&b"),
    ("xs:NMTOKENS", " a  b ", ["a", "b"]),
    ("xs:QName", "x", "x"),
    ("xs:anySimpleType", "x", "x"),
    ("xs:anyType", "x", "x"),
]


@pytest.mark.parametrize(("kind", "text", "value"), SCALARS)
def test_a_scalar_is_read_by_its_type_and_survives_being_written(
    kind: str, text: str, value: object, tmp_path: Path
) -> None:
    types = one(kind)
    codec = operation(tmp_path, types).codec
    assert codec.request(ask(v(text))) == {"V": value}
    reply = codec.encode(Values({"V": value}), called(operation(tmp_path, types)))
    assert codec.reply(reply) == Values({"V": value})
    valid(types, reply)


WRONG = [
    ("xs:int", "abc"), ("xs:int", ""), ("xs:int", "1_0"), ("xs:int", "\u0661"), ("xs:int", "2147483648"),
    ("xs:int", "1.0"), ("xs:unsignedByte", "-1"), ("xs:decimal", "1e3"), ("xs:decimal", "NaN"), ("xs:decimal", "1_0"),
    ("xs:decimal", "1,5"), ("xs:double", "inf"), ("xs:double", "nan"), ("xs:double", "1_0"), ("xs:boolean", "yes"),
    ("xs:boolean", "True"), ("xs:date", "2004-02-30"), ("xs:date", "06.05.2004"), ("xs:date", "2004-W01-1"),
    ("xs:date", "2004-05-06+15:00"), ("xs:dateTime", "2004-05-06"), ("xs:dateTime", "2004-05-06 07:08:09"),
    ("xs:dateTime", "9999-12-31T24:00:00"), ("xs:time", "25:00:00"), ("xs:base64Binary", "a"),
    ("xs:base64Binary", "!!!!"), ("xs:hexBinary", "0"), ("xs:duration", "1 day"), ("xs:gYearMonth", "2004-13"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), WRONG)
def test_a_value_outside_its_type_is_refused_with_its_path(kind: str, text: str, tmp_path: Path) -> None:
    codec = operation(tmp_path, one(kind)).codec
    with pytest.raises(Undecodable, match=r"^V: ") as caught:
        codec.request(ask(v(text)))
    assert caught.value.reason == "invalid_value"


def test_not_a_number_is_read_and_written_by_its_only_name(tmp_path: Path) -> None:
    one_operation = operation(tmp_path, one("xs:double"))
    value = one_operation.codec.request(ask(v("NaN")))["V"]
    assert value != value
    assert b">NaN<" in one_operation.codec.encode(Values({"V": value}), called(one_operation)).body


def simple(content: str) -> str:
    return f'<xs:simpleType name="K">{content}</xs:simpleType>' + one("t:K")


LETTER = '<xs:restriction base="xs:string"><xs:enumeration value="A"/><xs:enumeration value="B&amp;"/></xs:restriction>'
NUMBERS = '<xs:restriction base="xs:decimal"><xs:enumeration value="1.0"/></xs:restriction>'
TREE = (
    '<xs:complexType name="Tree"><xs:sequence><xs:element name="N" type="xs:int"/>'
    '<xs:element name="Tree" type="t:Tree" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>'
)
LOANS = """<xs:complexType name="Loan" abstract="true"><xs:sequence><xs:element name="Sum" type="xs:int"/></xs:sequence>
</xs:complexType><xs:complexType name="Car"><xs:complexContent><xs:extension base="t:Loan"><xs:sequence>
<xs:element name="Doors" type="xs:int"/></xs:sequence><xs:attribute name="used" type="xs:boolean"/></xs:extension>
</xs:complexContent></xs:complexType><xs:complexType name="Van"><xs:complexContent><xs:extension base="t:Car">
<xs:sequence><xs:element name="Tons" type="xs:int"/></xs:sequence></xs:extension></xs:complexContent>
</xs:complexType>"""
CHOICE = body_type("""<xs:sequence><xs:element name="Id" type="xs:int"/><xs:choice>
<xs:element name="Name" type="xs:string"/><xs:sequence><xs:element name="First" type="xs:string"/>
<xs:element name="Last" type="xs:string" minOccurs="0"/></xs:sequence></xs:choice></xs:sequence>""")
MONEY = """<xs:complexType name="Money"><xs:simpleContent><xs:extension base="xs:decimal">
<xs:attribute name="cur" type="xs:string" use="required"/><xs:attribute name="on" type="xs:date"/></xs:extension>
</xs:simpleContent></xs:complexType>"""
PAIRS = body_type("""<xs:sequence maxOccurs="unbounded"><xs:element name="K" type="xs:string"/>
<xs:element name="W" type="xs:int" minOccurs="0"/></xs:sequence>""")
MIXED_KINDS = body_type("""<xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="A" type="xs:int"/>
<xs:element name="B" type="xs:string"/></xs:choice>""")
GROUPED = """<xs:group name="G"><xs:sequence><xs:element name="X" type="xs:int"/></xs:sequence></xs:group>
<xs:attributeGroup name="AG"><xs:attribute name="a" type="xs:int"/><xs:attribute ref="t:b"/></xs:attributeGroup>
<xs:attribute name="b" type="xs:string"/>""" + body_type(
    '<xs:sequence><xs:group ref="t:G"/><xs:element name="Y" type="xs:int"/></xs:sequence>'
    '<xs:attributeGroup ref="t:AG"/>'
)
SUBSTITUTED = """<xs:element name="Pet" type="xs:string" abstract="true"/>
<xs:element name="Dog" type="xs:string" substitutionGroup="t:Pet"/>
<xs:element name="Cat" type="xs:string" substitutionGroup="t:Pet"/>""" + body_type(
    '<xs:sequence><xs:element ref="t:Pet" minOccurs="0" maxOccurs="2"/></xs:sequence>'
)
ALL = body_type(
    '<xs:all><xs:element name="A" type="xs:int"/><xs:element name="B" type="xs:int" minOccurs="0"/></xs:all>'
)
LISTED = '<xs:list itemType="xs:int"/>'
UNION = """<xs:union memberTypes="xs:int xs:boolean"><xs:simpleType><xs:restriction base="xs:string">
<xs:enumeration value="none"/></xs:restriction></xs:simpleType></xs:union>"""
RESTRICTED = """<xs:complexType name="Wide"><xs:sequence><xs:element name="A" type="xs:int" minOccurs="0"/>
<xs:element name="B" type="xs:int" minOccurs="0"/></xs:sequence><xs:attribute name="x" type="xs:int"/></xs:complexType>
<xs:complexType name="Body"><xs:complexContent><xs:restriction base="t:Wide"><xs:sequence>
<xs:element name="A" type="xs:int"/></xs:sequence></xs:restriction></xs:complexContent></xs:complexType>"""

SHAPES: list[tuple[str, str, str, Fields]] = [
    ("enumeration", simple(LETTER), v("B&amp;"), {"V": "B&"}),
    ("enumeration of decimals compares values", simple(NUMBERS), v("1.00"), {"V": Decimal("1")}),
    ("optional and absent", one("xs:int", 'minOccurs="0"'), "", {}),
    ("nil", one("xs:int", 'nillable="true"'), '<t:V xsi:nil="true"/>', {"V": None}),
    ("nil complex", TREE + one("t:Tree", 'nillable="true"'), '<t:V xsi:nil="1"></t:V>', {"V": None}),
    ("default of an empty element", one("xs:int", 'default="5"'), "<t:V/>", {"V": 5}),
    ("array", one("xs:int", 'maxOccurs="3"'), v("1") + v("2"), {"V": [1, 2]}),
    ("array of one", one("xs:int", 'maxOccurs="unbounded"'), v("1"), {"V": [1]}),
    ("array with nil",
     one("xs:int", 'maxOccurs="3" nillable="true"'), v("1") + '<t:V xsi:nil="true"/>', {"V": [1, None]}),
    ("list", simple(LISTED), v(" 1 2\n3 "), {"V": [1, 2, 3]}),
    ("empty list", simple(LISTED), v(""), {"V": []}),
    ("union, number", simple(UNION), v("12"), {"V": 12}),
    ("union, boolean", simple(UNION), v("true"), {"V": True}),
    ("union, inline member", simple(UNION), v("none"), {"V": "none"}),
    ("recursion", TREE + one("t:Tree"),
     v("<t:N>1</t:N><t:Tree><t:N>2</t:N></t:Tree>"), {"V": {"N": 1, "Tree": [{"N": 2}]}}),
    ("empty wrapper", body_type('<xs:sequence/>'), "", {}),
    ("choice, first branch", CHOICE, "<t:Id>1</t:Id><t:Name>x</t:Name>", {"Id": 1, "Name": "x"}),
    (
        "sequence in choice", CHOICE, "<t:Id>1</t:Id><t:First>x</t:First><t:Last>y</t:Last>",
        {"Id": 1, "First": "x", "Last": "y"},
    ),
    ("repeated sequence", PAIRS, "<t:K>a</t:K><t:W>1</t:W><t:K>b</t:K><t:W>2</t:W>", {"K": ["a", "b"], "W": [1, 2]}),
    ("repeated choice", MIXED_KINDS, "<t:A>1</t:A><t:A>2</t:A><t:B>x</t:B>", {"A": [1, 2], "B": ["x"]}),
    ("all", ALL,
     "<t:B>2</t:B><t:A>1</t:A>", {"A": 1, "B": 2}),
    ("simple content", MONEY + one("t:Money"), '<t:V cur="DEM" on="2004-05-06">1.50</t:V>',
     {"V": {"#text": Decimal("1.50"), "@cur": "DEM", "@on": date(2004, 5, 6)}}),
    ("derived type by xsi:type", LOANS + one("t:Loan"),
     '<t:V xmlns:q="urn:t" xsi:type="q:Car" used="true"><t:Sum>1</t:Sum><t:Doors>4</t:Doors></t:V>',
     {"V": {"@xsi:type": "Car", "Sum": 1, "Doors": 4, "@used": True}}),
    ("type derived twice", LOANS + one("t:Car"),
     '<t:V xsi:type="t:Van"><t:Sum>1</t:Sum><t:Doors>4</t:Doors><t:Tons>9</t:Tons></t:V>',
     {"V": {"@xsi:type": "Van", "Sum": 1, "Doors": 4, "Tons": 9}}),
    ("declared type though others derive", LOANS + one("t:Car"), v("<t:Sum>1</t:Sum><t:Doors>4</t:Doors>"),
     {"V": {"Sum": 1, "Doors": 4}}),
    ("groups", GROUPED, "<t:X>1</t:X><t:Y>2</t:Y>", {"X": 1, "Y": 2}),
    ("substitution", SUBSTITUTED, "<t:Dog>rex</t:Dog><t:Cat>tom</t:Cat>", {"Dog": ["rex"], "Cat": ["tom"]}),
    ("restricted complex type", RESTRICTED, "<t:A>1</t:A>", {"A": 1}),
    ("local element without namespace", one("xs:int", 'form="unqualified"'), "<V>1</V>", {"V": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("types", "xml", "payload"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
def test_a_construct_is_read_written_valid_and_read_again(
    types: str, xml: str, payload: Fields, tmp_path: Path
) -> None:
    one_operation = operation(tmp_path, types)
    assert one_operation.codec.request(ask(xml)) == payload
    assert one_operation.codec.reply(answer(xml)) == Values(payload)
    reply = one_operation.codec.encode(Values(payload), called(one_operation))
    assert one_operation.codec.reply(reply) == Values(payload)
    valid(types, reply)


def test_attributes_of_the_body_element_are_read_and_written(tmp_path: Path) -> None:
    one_operation = operation(tmp_path, GROUPED)
    raw = ask("<t:X>1</t:X><t:Y>2</t:Y>", attributes=' a="3" t:b="&lt;&quot;&#10;"')
    payload = {"X": 1, "Y": 2, "@a": 3, "@b": '<"\n'}
    assert one_operation.codec.request(raw) == payload
    reply = one_operation.codec.encode(Values(payload), called(one_operation))
    assert one_operation.codec.reply(reply) == Values(payload)


REFUSED = [
    ("not in the enumeration", simple(LETTER), v("C"), "invalid_value", "V"),
    ("required and absent", one("xs:int"), "", "missing_element", "V"),
    ("nil where it is not allowed", one("xs:int"), '<t:V xsi:nil="true"/>', "invalid_value", "V"),
    ("too many", one("xs:int", 'maxOccurs="2"'), v("1") * 3, "unexpected_element", "V"),
    ("too few", one("xs:int", 'minOccurs="2" maxOccurs="3"'), v("1"), "missing_element", "V"),
    ("twice where once is meant", one("xs:int"), v("1") * 2, "unexpected_element", "V"),
    ("an item of an array", one("xs:int", 'maxOccurs="3"'), v("1") + v("x"), "invalid_value", r"V\[1\]"),
    ("unknown element", one("xs:int"), v("1") + "<t:W/>", "unexpected_element", ""),
    ("another namespace", one("xs:int"), '<o:V xmlns:o="urn:other">1</o:V>', "unexpected_element", ""),
    ("elements where text is meant", one("xs:string"), v("a<t:b/>"), "invalid_value", "V"),
    ("elements where only text is meant", one("xs:string"), v("<t:b/>"), "invalid_value", "V"),
    ("deep", TREE + one("t:Tree"), v("<t:N>1</t:N><t:Tree><t:N>x</t:N></t:Tree>"), "invalid_value", r"V\.Tree\[0\]\.N"),
    ("no branch of a choice", CHOICE, "<t:Id>1</t:Id>", "missing_element", "Name"),
    (
        "two branches of a choice",
        CHOICE,
        "<t:Id>1</t:Id><t:Name>a</t:Name><t:First>b</t:First>",
        "unexpected_element",
        "",
    ),
    ("half a branch", CHOICE, "<t:Id>1</t:Id><t:Last>b</t:Last>", "missing_element", "First"),
    ("required attribute", MONEY + one("t:Money"), v("1"), "missing_attribute", "V.@cur"),
    ("wrong attribute", MONEY + one("t:Money"), '<t:V cur="" on="x">1</t:V>', "invalid_value", "V.@on"),
    ("abstract type", LOANS + one("t:Loan"), v("<t:Sum>1</t:Sum>"), "invalid_value", "V"),
    ("unrelated xsi:type", LOANS + one("t:Loan"), '<t:V xsi:type="t:Body"/>', "invalid_value", "V.@xsi:type"),
    ("banned by restriction", RESTRICTED, "<t:A>1</t:A><t:B>1</t:B>", "unexpected_element", ""),
]


@pytest.mark.parametrize(
    ("types", "xml", "reason", "path"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_the_schema_does_not_allow_is_refused_and_located(
    types: str, xml: str, reason: str, path: str, tmp_path: Path
) -> None:
    codec = operation(tmp_path, types).codec
    with pytest.raises(Undecodable, match=f"^{path}") as caught:
        codec.request(ask(xml))
    assert caught.value.reason == reason


def test_what_a_type_has_allowed_before_excuses_nothing_else(tmp_path: Path) -> None:
    """Given messages that fit a choice and a limited list, those that have one element more are refused after them."""
    bounded = CHOICE.replace("<xs:choice>", '<xs:element name="N" type="xs:int" maxOccurs="2"/><xs:choice>')
    codec = operation(tmp_path, bounded).codec
    fits = "<t:Id>1</t:Id><t:N>1</t:N><t:N>2</t:N><t:Name>x</t:Name>"
    for _ in range(2):
        assert codec.request(ask(fits)) == {"Id": 1, "N": [1, 2], "Name": "x"}
    for more in ("<t:N>3</t:N>", "<t:First>y</t:First>"):
        with pytest.raises(Undecodable) as caught:
            codec.request(ask(fits + more))
        assert caught.value.reason == "unexpected_element"


def test_elements_may_come_in_any_order_and_without_their_namespace(tmp_path: Path) -> None:
    types = body_type(
        '<xs:sequence><xs:element name="A" type="xs:int"/><xs:element name="B" type="xs:int"/></xs:sequence>'
    )
    assert operation(tmp_path, types).codec.request(ask("<B>2</B><A>1</A>")) == {"A": 1, "B": 2}


def test_what_a_wildcard_takes_is_kept_as_xml(tmp_path: Path) -> None:
    types = body_type(
        '<xs:sequence><xs:element name="A" type="xs:int"/><xs:any minOccurs="0" maxOccurs="9" processContents="lax"/>'
        "</xs:sequence>"
    )
    xml = '<t:A>1</t:A><x:E xmlns:x="urn:x"><x:F>1</x:F><x:F>2</x:F></x:E>'
    kept = '<x:E xmlns:x="urn:x"><x:F>1</x:F><x:F>2</x:F></x:E>'
    assert operation(tmp_path, types).codec.request(ask(xml)) == {"A": 1, "#any": [kept]}


def test_empty_nil_and_absent_are_three_different_things(tmp_path: Path) -> None:
    codec = operation(tmp_path, one("xs:string", 'minOccurs="0" nillable="true"')).codec
    assert codec.request(ask("<t:V/>")) == codec.request(ask(v(""))) == {"V": ""}
    assert codec.request(ask('<t:V xsi:nil="true"/>')) == {"V": None}
    assert codec.request(ask("")) == {}


def test_comments_and_instructions_around_the_body_do_not_matter(tmp_path: Path) -> None:
    raw = ask(f"<!-- a --><?b c?>{v('1')}<!-- d -->")
    raw.body = raw.body.replace(b"<t:Ask", b"<!-- e --><?f g?>\n<t:Ask").replace(b"<e:Body", b"<?h?><e:Header/><e:Body")
    assert operation(tmp_path, one("xs:int")).codec.request(raw) == {"V": 1}
